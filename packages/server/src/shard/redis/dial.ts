// Opening a byte connection to a server: the one place where this adapter touches the network. An address goes in, bytes
// come and go. Another `Dial` may stand here (a simulated network); whoever writes one keeps what the types below say.
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Where a server listens. */
export interface ServerAddress {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
  /** The name that its certificate must bear; undefined: no TLS. */
  readonly tlsName?: string;
}

/** What happens to a connection. Never called from within `dial` or a call on the connection, and never after `destroy`. */
export interface ConnectionEvents {
  /** Bytes can be written from now on. At most once. */
  open(): void;
  /** In order, in pieces of any size. The bytes are the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** It is over, or never opened. Once, and last. `reason` holds no secret. */
  closed(reason: string): void;
}

/** A connection, from `dial` to `destroy` or `closed`. */
export interface ByteConnection {
  /** Sends bytes, in order. Only after `open`; harmless after the end. The bytes must not be changed afterwards. */
  write(bytes: Uint8Array): void;
  /** Ends it at once; what was not sent may be lost. */
  destroy(): void;
  /** Written and not yet taken by the network. */
  readonly pendingBytes: number;
}

/** Begins to connect. */
export type Dial = (address: ServerAddress, events: ConnectionEvents) => ByteConnection;

/** Connects by TCP, or TLS where the address has a name for it. `ca`: PEM certificates to trust instead of the system's. */
export function socketDial(options: { ca?: string } = {}): Dial {
  return (address, events) => {
    const socket = openSocket(address, options.ca);
    let reason = 'closed by the server';
    // Slots are gathered above; what is written shall leave.
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
  // An address is checked against the certificate too, but must not be sent as a server name (RFC 6066 section 3).
  const name = isIP(tlsName) === 0 ? { servername: tlsName } : {};
  return connectTls({ host, port, ...name, ...(ca === undefined ? {} : { ca }) });
}
