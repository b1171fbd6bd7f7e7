/** The placeholder while a page's code is fetched. */
export function Loading() {
  return (
    <div className="loading" role="status">
      <span className="visually-hidden">Loading</span>
      <span className="gust" aria-hidden="true" />
    </div>
  );
}
