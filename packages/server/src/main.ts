// The program: turns settings into parts, parts into roles, and roles into a running server, and
// releases everything when it drains. Only adapters.ts names adapters.
import { strict as assert } from 'node:assert';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PATHS } from '@hayate/protocol';
import type { Registry } from '@prometheus-io/client';
import { openLog, openShards, openStore, storeDirectory } from './adapters.ts';
import { Api, createApplication } from './api/api.ts';
import { addDevelopmentToken, type TokenPortAddress } from './api/development-token.ts';
import { addTokenPort } from './api/development-token-port.ts';
import { addOperationRoutes, type Operations } from './api/operation-routes.ts';
import { addPageRoutes } from './api/page-routes.ts';
import { requestListener } from './api/request-listener.ts';
import { startArchiver } from './archiver/archiver.ts';
import { AVRO_CODECS } from './format/avro/index.ts';
import { AddressRate } from './gateway/address-rate.ts';
import { lanAddresses, lanCertificate } from './gateway/certificate.ts';
import { CertificateFiles, type CertificatePair } from './gateway/certificate-files.ts';
import { ConnectionMetrics } from './gateway/connection-metrics.ts';
import { type AcceptSocket, Gateway } from './gateway/gateway.ts';
import { everyAddress, type ListenAddress, openableUrl, resolveListenAddress } from './gateway/listen-address.ts';
import { underBasePath } from './http/base-path.ts';
import { readSite, type Site } from './http/site.ts';
import { isLocalhostName, isLoopback, urlHost } from './kernel/address.ts';
import { type Context, createContext } from './kernel/context.ts';
import { HayateError } from './kernel/error.ts';
import type { Service } from './kernel/service.ts';
import { Listener } from './listener/listener.ts';
import type { Log } from './log/log.ts';
import { openSecurity, type Security } from './security.ts';
import type { Role, ServeSettings } from './serve-flags.ts';
import type { Shards } from './shard/shard.ts';
import { measureStore } from './store/measured-store.ts';
import type { Store } from './store/store.ts';
import { Streamer } from './streamer/streamer.ts';
import { TicketSigner } from './streamer/ticket.ts';
import { version } from './version.ts';

/** A running server. */
export interface RunningServer {
  /** The URL that people open: http(s)://host:port. */
  readonly url: string;
  /** URLs on the local network, with a pairing code in the fragment; only with --lan. */
  readonly lanUrls: readonly string[];
  /** In development mode, `url` with a pairing code in the fragment, for forwarded ports. */
  readonly pairedUrl: string | undefined;
  readonly internalUrl: string | undefined;
  readonly development: boolean;
  /** The directory in which the embedded store keeps the archive. */
  readonly archiveDirectory: string;
  /** All metrics of this process. */
  readonly registry: Registry;
  /** Why its roles cannot serve now; empty if they can. */
  unready(): readonly string[];
  /** Checks now for a replaced certificate and key, and for replaced keys of tokens. */
  reload(): Promise<void>;
  /**
   * Says goodbye to clients, flushes and acknowledges, ends the archive's cut, and closes. Rejects
   * if that takes longer than --drain-timeout-ms.
   */
  drain(): Promise<void>;
}

const DOOR_CONNECTIONS_MAX = 100;

/** Settings of a server that is one of several processes behind one port; see worker/. */
export interface GroupMember {
  /** Label of its metrics and its log lines. */
  readonly number: number;
  /** Answers operators on the public port; undefined: they ask the group on another port. */
  readonly operations: Operations | undefined;
}

interface Parts {
  settings: ServeSettings;
  site: Site;
  context: Context;
  security: Security;
  shards: Shards;
  log: Log | undefined;
  store: Store | undefined;
  connectionMetrics: ConnectionMetrics;
}

/**
 * Starts the roles that `settings` name. If that fails, everything opened so far is closed again.
 */
export async function startServer(settings: ServeSettings, member?: GroupMember): Promise<RunningServer> {
  const cleanup: (() => Promise<void>)[] = [];
  try {
    return await start(settings, member, cleanup);
  } catch (error) {
    for (const close of cleanup.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

async function start(given: ServeSettings, member: GroupMember | undefined, cleanup: (() => Promise<void>)[]): Promise<RunningServer> {
  const listen = await publicAddress(given);
  const settings = { ...given, host: listen.address };
  const context = createContext({ logLevel: settings.logLevel, ...(member === undefined ? {} : { worker: member.number }) });
  const site = readSite(settings);
  const security = await openSecurity(settings, context);
  cleanup.push(async () => security.keys.close());
  const certificate = await givenCertificate(settings, context);
  cleanup.push(async () => certificate?.close());
  const archiveDirectory = storeDirectory(settings);
  const shards = await openShards(settings, context);
  cleanup.push(() => shards.close());
  // Embedded adapters admit one process, so a role that does not need an adapter leaves it to
  // another process.
  const log = takesRole(settings, 'streamer', 'archiver') ? await openLog(settings, context) : undefined;
  cleanup.push(async () => log?.close());
  const store = takesRole(settings, 'archiver', 'api') ? await openStore(settings, { writes: takesRole(settings, 'archiver') }) : undefined;
  cleanup.push(async () => store?.close());

  const parts: Parts = {
    settings,
    site,
    context,
    security,
    shards,
    log,
    store: store && measureStore(store, context.registry),
    connectionMetrics: new ConnectionMetrics(context),
  };
  const services: Service[] = [];
  const publicApp = createApplication(context);
  cleanup.push(() => closeAll(services));
  const endpoints = await startRoles(parts, publicApp, services);
  // A process that is only an archiver gets no requests with tokens.
  const verifies = takesRole(settings, 'streamer', 'listener', 'api');
  if (verifies) security.keys.start();

  const internalApp = settings.internalPort === undefined ? undefined : createApplication(context);
  const unready = () => reasonsOf([...services, ...(verifies ? [{ name: 'keys', unready: () => security.keys.unready() }] : [])]);
  const own: Operations = { unready: async () => unready(), metrics: () => context.registry.metrics() };
  const operations = member === undefined ? own : member.operations;
  if (operations !== undefined) addOperationRoutes(internalApp ?? publicApp, operations);
  if (security.development !== undefined) {
    const tokenPort = await openTokenPort(parts, security.development.secret);
    cleanup.push(() => tokenPort.gateway.close());
    addDevelopmentToken(publicApp, { ...security.development, tokenPort: tokenPort.address, remoteAddress: remoteAddressOf });
  }
  if (settings.roles.includes('api')) addPageRoutes(publicApp, pagesDirectory());

  const lan = settings.lan ? lanAddresses() : [];
  const tls = settings.lan ? await lanCertificate(settings.data, lan, context.clock) : certificate?.pair;
  const gateway = await openGateway(parts, publicApp, { endpoints, tls, sharesPort: member !== undefined });
  cleanup.push(() => gateway.close());
  certificate?.onChange((pair) => gateway.setCertificate(pair));
  const internal = internalApp === undefined ? undefined : await openInternalPort(parts, internalApp);
  if (internal !== undefined) cleanup.push(() => internal.gateway.close());

  const pair = security.development?.pairingCode;
  const url = await publicUrl(settings, listen, gateway.port);
  return {
    url,
    pairedUrl: pair === undefined ? undefined : `${url}/#pair=${pair}`,
    lanUrls: lan.map((address) => `https://${urlHost(address)}:${gateway.port}${site.basePath}/#pair=${pair}`),
    internalUrl: internal?.url,
    development: security.development !== undefined,
    archiveDirectory,
    registry: context.registry,
    unready,
    reload: async () => {
      context.logger.info('rereading files');
      await Promise.all([certificate?.check(), security.keys.reload()]);
    },
    drain: () => within(settings.drainTimeoutMs, drain(services, gateway, cleanup)),
  };
}

function reasonsOf(services: readonly Pick<Service, 'name' | 'unready'>[]): readonly string[] {
  return services.flatMap((service) => {
    const reason = service.unready();
    return reason === undefined ? [] : [`${service.name}: ${reason}`];
  });
}

function takesRole({ roles }: ServeSettings, ...some: readonly Role[]): boolean {
  return some.some((role) => roles.includes(role));
}

/** Returns a part that was opened for the role in question. */
function opened<T>(part: T | undefined): T {
  assert(part !== undefined, 'a role was started without its dependencies');
  return part;
}

/** Starts each role. Returns the WebSocket endpoints that they serve. */
async function startRoles(
  parts: Parts,
  app: ReturnType<typeof createApplication>,
  services: Service[],
): Promise<Map<string, AcceptSocket>> {
  const { settings, site, context, security, shards, log, store, connectionMetrics } = parts;
  const { verifyToken } = security;
  const endpoints = new Map<string, AcceptSocket>();
  if (settings.roles.includes('streamer')) {
    const options = {
      ...settings,
      connectionsMax: settings.broadcastersMax,
      streamBytesMax: settings.unsettledStreamBytesMax,
      processBytesMax: settings.unsettledBytesMax,
      retryMs: settings.appendRetryMs,
    };
    const streamer = await Streamer.start({
      context,
      shards,
      log: opened(log),
      verifyToken,
      tickets: new TicketSigner(security.ticketSecret),
      connectionMetrics,
      options,
    });
    services.push(streamer);
    endpoints.set(PATHS.publish, (socket) => streamer.accept(socket));
  }
  if (settings.roles.includes('listener')) {
    const listener = await Listener.start({
      context,
      shards,
      verifyToken,
      connectionMetrics,
      // A live streamer announces its streams every second. One that gives a broadcaster up sends
      // END.
      options: {
        ...settings,
        bitsPerSecondMax: settings.viewerBitsPerSecondMax,
        connectionsMax: settings.viewersMax,
        silenceMs: settings.returnWindowMs + 5_000,
      },
    });
    services.push(listener);
    endpoints.set(PATHS.watch, (socket, netSocket) => listener.accept(socket, netSocket));
  }
  if (settings.roles.includes('api'))
    services.push(await Api.start(app, { context, shards, store: opened(store), verifyToken, version, site }));
  if (settings.roles.includes('archiver')) {
    const { archiveWindowMs: windowMs, archiveCutWindows: windowsPerCut, archiveCutBytes: cutBytes } = settings;
    const retainDays = {
      frames: settings.retainFramesDays,
      marks: settings.retainMarksDays,
      audio: settings.retainAudioDays,
      statistics: settings.retainStatisticsDays,
    };
    const avroCodec = AVRO_CODECS.find((name) => name === settings.archiveAvroCodec) ?? 'zstandard';
    const options = { windowMs, windowsPerCut, cutBytes, avroCodec, memoryBytes: settings.archiveMemoryBytes, retainDays };
    services.push(await startArchiver({ context, log: opened(log), store: opened(store), options }));
  }
  return endpoints;
}

async function openGateway(
  parts: Parts,
  app: ReturnType<typeof createApplication>,
  { endpoints, tls, sharesPort }: { endpoints: Map<string, AcceptSocket>; tls: CertificatePair | undefined; sharesPort: boolean },
): Promise<Gateway> {
  const { settings, site, context, connectionMetrics } = parts;
  const { clock } = context;
  const { basePath } = site;
  return Gateway.listen({
    clock,
    host: settings.host,
    port: settings.port,
    ...(tls === undefined ? {} : { tls }),
    endpoints: new Map([...endpoints].flatMap(([path, accept]) => [[path, accept] as const, [basePath + path, accept] as const])),
    request: underBasePath(basePath, requestListener(app)),
    connectionsMax: settings.connectionsMax,
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    keepAliveTimeoutMs: settings.keepAliveTimeoutMs,
    sharesPort,
    addressRate: new AddressRate({
      limited: settings.limitAddresses,
      perSecondMax: settings.requestsPerSecondMax,
      trusted: site.trustedProxies,
      nowMs: () => clock.nowMs(),
    }),
    metrics: connectionMetrics,
  });
}

/** The address of the public port. Rejects with HayateError CONFIGURATION. */
export async function publicAddress({ lan, host }: ServeSettings): Promise<ListenAddress> {
  const listen = await resolveListenAddress('--host', host);
  return lan ? { address: await everyAddress(), name: undefined } : listen;
}

/**
 * The URL of the public port for people. It uses a name only if there is a key or a certificate,
 * since development mode answers only requests to addresses.
 */
export async function publicUrl(settings: ServeSettings, listen: ListenAddress, port: number): Promise<string> {
  const { lan, tlsCert, jwtSecret, jwks } = settings;
  const keepsName = [tlsCert, jwtSecret, jwks].some((key) => key !== undefined) || isLocalhostName(listen.name ?? '');
  const origin = await openableUrl(lan || tlsCert !== undefined ? 'https' : 'http', listen, { port, keepsName });
  return `${origin}${readSite(settings).basePath}`;
}

/** Opens --internal-port for operators; `url` is its address. */
export async function openInternalPort(
  { settings, context, connectionMetrics }: Pick<Parts, 'settings' | 'context' | 'connectionMetrics'>,
  app: ReturnType<typeof createApplication>,
): Promise<{ gateway: Gateway; url: string }> {
  const listen = await resolveListenAddress('--internal-host', settings.internalHost);
  const gateway = await Gateway.listen({
    clock: context.clock,
    host: listen.address,
    port: settings.internalPort ?? 0,
    endpoints: new Map(),
    request: requestListener(app),
    connectionsMax: 1_000,
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    keepAliveTimeoutMs: settings.keepAliveTimeoutMs,
    metrics: connectionMetrics,
  });
  return { gateway, url: await openableUrl('http', listen, { port: gateway.port, keepsName: true }) };
}

async function givenCertificate({ tlsCert, tlsKey }: ServeSettings, context: Context): Promise<CertificateFiles | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw new HayateError('CONFIGURATION', 'give --tls-cert and --tls-key together');
  return CertificateFiles.open(context, { certPath: tlsCert, keyPath: tlsKey });
}

/** Opens the port at which development mode issues tokens, only on loopback. */
async function openTokenPort(
  { settings, context, connectionMetrics }: Parts,
  secret: Uint8Array,
): Promise<{ gateway: Gateway; address: TokenPortAddress }> {
  const app = createApplication(context);
  const isIpv6 = isLoopback(settings.host) && settings.host.includes(':');
  const gateway: Gateway = await Gateway.listen({
    clock: context.clock,
    host: isIpv6 ? '::1' : '127.0.0.1',
    port: 0,
    endpoints: new Map(),
    request: requestListener(app),
    connectionsMax: DOOR_CONNECTIONS_MAX,
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    metrics: connectionMetrics,
  });
  // The Content-Security-Policy of a page cannot name an IPv6 address.
  const address = isIpv6
    ? { program: `[::1]:${gateway.port}`, page: `localhost:${gateway.port}` }
    : { program: `127.0.0.1:${gateway.port}`, page: `127.0.0.1:${gateway.port}` };
  addTokenPort(app, { secret, address });
  return { gateway, address };
}

/** Drains clients first, then the archive, then the parts below. */
async function drain(services: readonly Service[], gateway: Gateway, cleanup: readonly (() => Promise<void>)[]): Promise<void> {
  gateway.drain();
  for (const service of services) await service.drain();
  for (const close of [...cleanup].reverse()) await close();
}

async function closeAll(services: readonly Service[]): Promise<void> {
  for (const service of [...services].reverse()) await service.close();
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new HayateError('CLOSED', `draining took longer than ${timeoutMs} ms and was aborted`)), timeoutMs);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The web workspace's build in the repository; a separate folder in the published package. */
function pagesDirectory(): string {
  const packaged = fileURLToPath(new URL('../pages', import.meta.url));
  return existsSync(packaged) ? packaged : fileURLToPath(new URL('../../web/dist/product', import.meta.url));
}

function remoteAddressOf(environment: unknown): string {
  const { incoming } = environment as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? '';
}
