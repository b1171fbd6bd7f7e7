// The pages' entry: takes the credentials from the link, then shows the page for the path. Each
// page's code is fetched when it is first shown.
import { lazy, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { takeCredential } from './api/credential.ts';
import { Loading } from './component/loading.tsx';
import { MissingPage } from './page/missing-page.tsx';
import { useRoute } from './route/location.ts';
import { pinAddresses, siteRoot } from './route/root.ts';
import type { Route } from './route/route.ts';
import './style/base.css';

siteRoot();
pinAddresses();
takeCredential();
addEventListener('hashchange', takeCredential);

const FrontPage = lazy(() => import('./page/front-page.tsx'));
const PastPage = lazy(() => import('./page/past-page.tsx'));
const ReplayPage = lazy(() => import('./page/replay-page.tsx'));
// The page of a demonstration, which the product's build leaves out.
const ScalePage = DEMO_PAGES ? lazy(() => import('./page/scale-page.tsx')) : undefined;
const StudioPage = lazy(() => import('./page/studio-page.tsx'));
const WatchPage = lazy(() => import('./page/watch-page.tsx'));

function titleOf(route: Route): string {
  const name = {
    front: '',
    studio: 'Studio',
    scale: 'Pull the plug',
    watch: route.page === 'watch' ? route.stream : '',
    past: 'Past broadcasts',
    replay: route.page === 'replay' ? `${route.stream}, replay` : '',
    missing: 'Not found',
  }[route.page];
  return name === '' ? 'Hayate' : `${name} · Hayate`;
}

function page(route: Route) {
  switch (route.page) {
    case 'front':
      return <FrontPage />;
    case 'studio':
      return <StudioPage />;
    case 'watch':
      return <WatchPage key={route.stream} stream={route.stream} />;
    case 'past':
      return <PastPage />;
    case 'replay':
      return <ReplayPage key={route.epoch} stream={route.stream} epoch={route.epoch} />;
    case 'scale':
      return ScalePage === undefined ? <MissingPage name={undefined} /> : <ScalePage />;
    case 'missing':
      return <MissingPage name={route.name} />;
  }
}

function Pages() {
  const route = useRoute();
  const title = titleOf(route);
  return (
    <>
      <title>{title}</title>
      {/* Announces navigation between pages to screen readers. */}
      <p className="visually-hidden" role="status">
        {title}
      </p>
      {page(route)}
    </>
  );
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <Suspense fallback={<Loading />}>
    <Pages />
  </Suspense>,
);
