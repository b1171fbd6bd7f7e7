// What operators and Kubernetes ask of a process: is it alive, is it ready, what has it counted.
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Registry } from '@prometheus-io/client';
import type { Service } from '../kernel/service.ts';

/** Adds /livez, /readyz and /metrics to `app`. `services` gives the running roles. */
export function addOperationRoutes(app: OpenAPIHono, parts: { registry: Registry; services: () => readonly Service[] }): void {
  app.get('/livez', (context) => context.text('ok\n'));
  app.get('/readyz', (context) => {
    const services = parts.services();
    const unready = services.flatMap((service) => {
      const reason = service.unready();
      return reason === undefined ? [] : [`${service.name}: ${reason}`];
    });
    if (services.length === 0) unready.push('starting');
    return unready.length === 0 ? context.text('ok\n') : context.text(`${unready.join('\n')}\n`, 503);
  });
  app.get('/metrics', async (context) => context.body(await parts.registry.metrics(), 200, { 'Content-Type': parts.registry.contentType }));
}
