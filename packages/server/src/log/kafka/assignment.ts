// Which member of the group gets which partitions: what each holds and how many there are in, a fair share each out. A
// partition that must change hands is nobody's for one round: whoever holds it gives it up first, and joins again.

/** A member, as it joined. */
export interface AssignedMember {
  readonly memberId: string;
  /** Partitions it works on. */
  readonly owned: readonly number[];
  /** Of the group when it was given them; a newer claim counts more. */
  readonly generation: number;
}

/**
 * Partitions for each member, by its id: shares differ by at most 1 once everything has changed hands, and no more move than
 * must. The same members in any order give the same result.
 */
export function assignPartitions(members: readonly AssignedMember[], partitionCount: number): Map<string, number[]> {
  const owners = ownersOf(members);
  const held = (memberId: string) => [...owners].filter(([, owner]) => owner === memberId).map(([partition]) => partition);
  // Who holds most keeps most: the larger shares go to those who need to give up least.
  const ranked = members
    .map(({ memberId }) => ({ memberId, held: held(memberId).filter((partition) => partition < partitionCount) }))
    .sort((a, b) => b.held.length - a.held.length || (a.memberId < b.memberId ? -1 : 1));
  const target = new Map<string, number[]>();
  const kept = new Set<number>();
  for (const [rank, { memberId, held }] of ranked.entries()) {
    const share = shareOf(rank, ranked.length, partitionCount);
    const keeps = held.sort((a, b) => a - b).slice(0, share);
    for (const partition of keeps) kept.add(partition);
    target.set(memberId, keeps);
  }
  const free = Array.from({ length: partitionCount }, (_, partition) => partition).filter((partition) => !kept.has(partition));
  for (const [rank, { memberId }] of ranked.entries()) {
    const partitions = target.get(memberId) ?? [];
    const wanted = shareOf(rank, ranked.length, partitionCount) - partitions.length;
    // What another still holds is kept for this member, but not given yet.
    for (const partition of free.splice(0, wanted)) if ((owners.get(partition) ?? memberId) === memberId) partitions.push(partition);
  }
  return target;
}

/** Each claimed partition's holder: the newest claim, and of equals the first member by id. */
function ownersOf(members: readonly AssignedMember[]): Map<number, string> {
  const claims = members.toSorted((a, b) => b.generation - a.generation || (a.memberId < b.memberId ? -1 : 1));
  const owners = new Map<number, string>();
  for (const { memberId, owned } of claims) for (const partition of owned) if (!owners.has(partition)) owners.set(partition, memberId);
  return owners;
}

function shareOf(rank: number, members: number, partitionCount: number): number {
  return Math.floor(partitionCount / members) + (rank < partitionCount % members ? 1 : 0);
}
