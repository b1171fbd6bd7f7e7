// Endpoints for operators and Kubernetes, of one process or of a group of workers behind one port:
// liveness, readiness and metrics.
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Registry } from '@prometheus-io/client';

/** Provides the answers for operators. */
export interface Operations {
  /** Reasons for not being ready, one per line; empty if ready. */
  unready(): Promise<readonly string[]>;
  /** All metrics, in the text format of Prometheus. */
  metrics(): Promise<string>;
}

/** Adds /livez, /readyz and /metrics to `app`. */
export function addOperationRoutes(app: OpenAPIHono, operations: Operations): void {
  app.get('/livez', (context) => context.text('ok\n'));
  app.get('/readyz', async (context) => {
    const unready = await operations.unready();
    return unready.length === 0 ? context.text('ok\n') : context.text(`${unready.join('\n')}\n`, 503);
  });
  app.get('/metrics', async (context) =>
    context.body(await operations.metrics(), 200, { 'Content-Type': Registry.PROMETHEUS_CONTENT_TYPE }),
  );
}
