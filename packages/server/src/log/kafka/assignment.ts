// Assigns partitions to the members of the group. In: the partitions that each member holds, and
// the partition count. Out: a fair share for each. A partition that must change hands has no member
// for one round: its holder first gives it up and joins again.

/** A member, as it joined. */
export interface AssignedMember {
  readonly memberId: string;
  /** The partitions it works on. */
  readonly owned: readonly number[];
  /** The group's generation when the member got them; a newer claim wins. */
  readonly generation: number;
}

/**
 * The partitions of each member, by its id. Shares differ by at most 1 once all moves are done, and
 * no partition moves without need. The same members in any order give the same result.
 */
export function assignPartitions(members: readonly AssignedMember[], partitionCount: number): Map<string, number[]> {
  const owners = ownersOf(members);
  const held = (memberId: string) => [...owners].filter(([, owner]) => owner === memberId).map(([partition]) => partition);
  // The larger shares go to the members that hold the most, so that they need to give up the least.
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
    // A partition that another member still holds is reserved for this member, but not given yet.
    for (const partition of free.splice(0, wanted)) if ((owners.get(partition) ?? memberId) === memberId) partitions.push(partition);
  }
  return target;
}

/**
 * The holder of each claimed partition: the newest claim wins, and among equals the first member by
 * id.
 */
function ownersOf(members: readonly AssignedMember[]): Map<number, string> {
  const claims = members.toSorted((a, b) => b.generation - a.generation || (a.memberId < b.memberId ? -1 : 1));
  const owners = new Map<number, string>();
  for (const { memberId, owned } of claims) for (const partition of owned) if (!owners.has(partition)) owners.set(partition, memberId);
  return owners;
}

function shareOf(rank: number, members: number, partitionCount: number): number {
  return Math.floor(partitionCount / members) + (rank < partitionCount % members ? 1 : 0);
}
