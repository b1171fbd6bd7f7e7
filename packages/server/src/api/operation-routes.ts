// What operators and Kubernetes ask of a process, or of a group of workers behind one port: is it alive, is it ready, what
// has it counted.
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Registry } from '@prometheus-io/client';

/** Who answers operators. */
export interface Operations {
  /** Why it is not ready, a line each; none: it is. */
  unready(): Promise<readonly string[]>;
  /** Everything counted, in Prometheus' text format. */
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
