// Opens a byte connection to a server. This is the only place where the adapter touches the
// network. An address goes in; bytes flow both ways. Another `Dial`, such as a simulated network,
// can take its place if it keeps the promises of the types below.
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Where a server listens. */
export interface ServerAddress {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
  /** The name that the server's certificate must have; undefined: no TLS. */
  readonly tlsName?: string;
}

/**
 * Events of a connection. Never called from within `dial` or a call on the connection, and never
 * after `destroy`.
 */
export interface ConnectionEvents {
  /** Bytes can be written from now on. At most once. */
  open(): void;
  /** Bytes in order, in pieces of any size. The receiver may keep them. */
  data(bytes: Uint8Array): void;
  /** The connection has ended, or never opened. Called once, and last. `reason` holds no secret. */
  closed(reason: string): void;
}

/** A connection, from `dial` to `destroy` or `closed`. */
export interface ByteConnection {
  /**
   * Sends bytes, in order. Only after `open`; has no effect after the end. The caller must not
   * change the bytes afterwards.
   */
  write(bytes: Uint8Array): void;
  /** Ends the connection at once; unsent bytes may be lost. */
  destroy(): void;
  /** Bytes that were written and that the network has not yet taken. */
  readonly pendingBytes: number;
}

/** Begins to connect. */
export type Dial = (address: ServerAddress, events: ConnectionEvents) => ByteConnection;

/**
 * Connects by TCP, or by TLS if the address has a `tlsName`. `ca`: PEM certificates to trust
 * instead of the system's.
 */
export function socketDial(options: { ca?: string } = {}): Dial {
  return (address, events) => {
    const socket = openSocket(address, options.ca);
    let reason = 'closed by the server';
    // Messages are already gathered into slots, so a write must leave at once.
    socket.setNoDelay(true);
    socket.once(address.tlsName === undefined ? 'connect' : 'secureConnect', () => events.open());
    socket.on('data', (bytes: Buffer) => events.data(bytes));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    });
    socket.once('close', () => events.closed(reason));
    return {
      write: (bytes) => void socket.write(bytes),
      destroy: () => {
        socket.removeAllListeners();
        socket.on('error', () => undefined);
        socket.destroy();
      },
      get pendingBytes() {
        return socket.writableLength;
      },
    };
  };
}

function openSocket({ host, port, tlsName }: ServerAddress, ca: string | undefined): Socket {
  if (tlsName === undefined) return connect({ host, port });
  // The certificate check covers IP addresses too, but an IP address must not be sent as a server
  // name (RFC 6066 section 3).
  const name = isIP(tlsName) === 0 ? { servername: tlsName } : {};
  return connectTls({ host, port, ...name, ...(ca === undefined ? {} : { ca }) });
}
