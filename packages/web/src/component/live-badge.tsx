/** The LIVE badge, or another state in its place. */
export function LiveBadge({ live, text = 'Live' }: { live: boolean; text?: string }) {
  return <span className={live ? 'badge badge-live' : 'badge'}>{text}</span>;
}
