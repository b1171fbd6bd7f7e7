/** LIVE, or another state in the same place. */
export function LiveBadge({ live, text = 'Live' }: { live: boolean; text?: string }) {
  return <span className={live ? 'badge badge-live' : 'badge'}>{text}</span>;
}
