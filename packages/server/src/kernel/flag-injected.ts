// Finds the variables with Hayate's prefix that an orchestrator has set. In: the environment. Out:
// the names that are not settings. Kubernetes and Docker's legacy links describe a Service or
// container called `hayate…` to its neighbours in HAYATE_… variables (kubelet's envvars.go, moby's
// links.go). A variable counts as set by them only if name and value both have that shape and the
// numbers in both agree. So a setting with a value of its own kind always stays a setting.
import { isIP } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/** The prefix of every setting's variable. */
export const VARIABLE_PREFIX = 'HAYATE_';

/** `tcp://10.0.0.1:8080`. IPv6 is in brackets, except from Docker and old kubelets. */
const LINK = /^([a-z]+):\/\/(?:\[([^\]]+)\]|(.+)):(\d{1,5})$/;
const PORT_OF_LINK = /_PORT_(\d{1,5})_(TCP|UDP|SCTP)(?:_(ADDR|PROTO|PORT|START|END|PORT_START|PORT_END))?$/;
const NAME_OF_LINK = /^\/[^/]+\/([^/]+)$/;

interface Link {
  readonly protocol: string;
  readonly port: number;
}

/** Whether an orchestrator has set the variable `name` of `env`. */
export function isInjected(name: string, env: Environment): boolean {
  const value = env[name];
  if (value === undefined || !name.startsWith(VARIABLE_PREFIX)) return false;
  // Services and their ports may have any name, so a variable's name can often be split in several
  // ways.
  if (name.endsWith('_PORT') && parseLink(value) !== undefined) return true;
  if (name.endsWith('_SERVICE_HOST') && isIP(value) !== 0) return true;
  if (/_SERVICE_PORT(_[A-Z0-9_]+)?$/.test(name) && parsePort(value) !== undefined) return true;
  return isPartOfLink(name, value) || isLinkName(name, value) || isLinkedVariable(name, env);
}

/** The variables of `env` that an orchestrator has set, in order. */
export function injectedVariables(env: Environment): string[] {
  return Object.keys(env).filter((name) => isInjected(name, env));
}

/**
 * `HAYATE_PORT_8080_TCP` and the variables derived from it. For a range of ports, the name holds
 * the first.
 */
function isPartOfLink(name: string, value: string): boolean {
  const [, digits, upper = '', part] = PORT_OF_LINK.exec(name) ?? [];
  const first = parsePort(digits ?? '');
  if (first === undefined) return false;
  const protocol = upper.toLowerCase();
  const link = parseLink(value);
  const linked = link?.protocol === protocol ? link.port : undefined;
  switch (part) {
    case undefined:
    case 'START':
      return linked === first;
    case 'END':
      return linked !== undefined && linked > first;
    case 'ADDR':
      return isIP(value) !== 0;
    case 'PROTO':
      return value === protocol;
    case 'PORT_END':
      return (parsePort(value) ?? 0) > first;
    default:
      return parsePort(value) === first;
  }
}

/**
 * Docker's `HAYATE_NAME=/web/hayate`: the alias at the end of the value gives the variable its
 * name.
 */
function isLinkName(name: string, value: string): boolean {
  const [, alias] = NAME_OF_LINK.exec(value) ?? [];
  return alias !== undefined && name === `${alias.toUpperCase().replaceAll('-', '_')}_NAME`;
}

/**
 * Docker's `HAYATE_ENV_X`, the linked container's own variable X. It may hold anything, so the
 * variable of the link's name must be set too.
 */
function isLinkedVariable(name: string, env: Environment): boolean {
  for (let at = name.indexOf('_ENV_'); at > 0; at = name.indexOf('_ENV_', at + 1)) {
    const sibling = `${name.slice(0, at)}_NAME`;
    if (isLinkName(sibling, env[sibling] ?? '')) return true;
  }
  return false;
}

function parseLink(value: string): Link | undefined {
  const [, protocol, bracketed, plain, digits] = LINK.exec(value) ?? [];
  const port = parsePort(digits ?? '');
  const isAddress = bracketed === undefined ? isIP(plain ?? '') !== 0 : isIP(bracketed) === 6;
  if (protocol === undefined || !['tcp', 'udp', 'sctp'].includes(protocol) || port === undefined || !isAddress) return undefined;
  return { protocol, port };
}

function parsePort(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
