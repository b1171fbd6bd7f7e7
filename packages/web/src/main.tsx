// The pages' entry: takes what the link carried, then shows the page that the path names. Each page is code of its own, fetched
// when it is first shown.
import { lazy, Suspense, useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { takeCredential } from './api/credential.ts';
import { Loading } from './component/loading.tsx';
import { MissingPage } from './page/missing-page.tsx';
import { useRoute } from './route/location.ts';
import './style/base.css';

takeCredential();
addEventListener('hashchange', takeCredential);

const FrontPage = lazy(() => import('./page/front-page.tsx'));
const StudioPage = lazy(() => import('./page/studio-page.tsx'));
const WatchPage = lazy(() => import('./page/watch-page.tsx'));

const titles = { front: 'Hayate', studio: 'Studio · Hayate', watch: 'Hayate', missing: 'Not found · Hayate' } as const;

function Pages() {
  const route = useRoute();
  useEffect(() => {
    document.title = route.page === 'watch' ? `${route.stream} · Hayate` : titles[route.page];
  }, [route]);
  switch (route.page) {
    case 'front':
      return <FrontPage />;
    case 'studio':
      return <StudioPage />;
    case 'watch':
      return <WatchPage key={route.stream} stream={route.stream} />;
    case 'missing':
      return <MissingPage />;
  }
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <Suspense fallback={<Loading />}>
    <Pages />
  </Suspense>,
);
