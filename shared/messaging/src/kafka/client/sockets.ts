import { connect, isIP, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import type { ISocketFactory, ISocketFactoryArgs } from "kafkajs";

/** Sockets to brokers. */
export interface Sockets {
  /** For kafkajs: a socket to a broker that cannot be reached fails at once. */
  readonly open: ISocketFactory;
  /** Ends the looking for brokers that could not be reached. */
  close(): void;
}

interface SocketsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A connection that is not there after this long, in milliseconds, will not be: where a machine is gone nobody refuses it. */
export const CONNECT_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 250;
/** A broker that nobody has asked for so long, in milliseconds, has left the cluster, or its address has. */
const FORGET_AFTER_MS = 60_000;
/** What kafkajs uses. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/**
 * Remembers which brokers cannot be reached, for all of a process's Kafka clients. A client of kafkajs waits a whole time-out for each of its
 * connections to a broker whose machine is gone, one after the other, and there are many: as a seed, as a group's coordinator, as a partition's
 * leader, and once more for leaving the group. Here the first of them waits; the others fail at once and go to another broker, until a connection
 * made for nothing else comes through.
 */
export function createSockets({ clock, logger }: SocketsOptions): Sockets {
  const closing = new AbortController();
  /** When somebody last asked for a broker that cannot be reached, by `clock.elapsed()`. */
  const askedAtMs = new Map<string, number>();

  /** Looks for the broker until it can be reached again, or nobody wants it any more. */
  async function look(broker: string, to: Destination): Promise<void> {
    for (;;) {
      await clock.sleep(LOOK_EVERY_MS, closing.signal);
      if (closing.signal.aborted) return;
      if (await canBeReached(to)) {
        logger.info("KAFKA_BROKER_RESTORED", "a Kafka broker can be reached again", { broker });
        break;
      }
      if (clock.elapsed() - (askedAtMs.get(broker) ?? 0) > FORGET_AFTER_MS) break;
    }
    askedAtMs.delete(broker);
  }

  /** From here on nobody waits for it. */
  function takeOut(broker: string, to: Destination, error: Error): void {
    if (askedAtMs.has(broker) || closing.signal.aborted) return;
    askedAtMs.set(broker, clock.elapsed());
    logger.warn(
      "KAFKA_BROKER_UNREACHABLE",
      "a Kafka broker cannot be reached; other brokers are used where there are any",
      { broker, error },
    );
    void look(broker, to);
  }

  return {
    open({ host, port, ssl, onConnect }) {
      const broker = `${host}:${port}`;
      if (askedAtMs.has(broker)) {
        askedAtMs.set(broker, clock.elapsed());
        return failed(new ExplainedError(`${broker} could not be reached a moment ago`));
      }
      const socket = openSocket({ host, port, ssl, onConnect });
      const decided = new AbortController();
      const unreachable = (error: Error) => takeOut(broker, { host, port }, error);
      socket.once("error", unreachable);
      // What fails from here on, such as a certificate, is not for want of a broker.
      socket.once("connect", () => {
        socket.off("error", unreachable);
        decided.abort();
      });
      socket.once("close", () => decided.abort());
      void clock.sleep(CONNECT_WITHIN_MS, decided.signal).then(() => {
        if (decided.signal.aborted) return;
        socket.destroy(new ExplainedError(`no connection to ${broker} within ${CONNECT_WITHIN_MS} ms`));
      });
      return socket;
    },
    close: () => closing.abort(),
  };
}

type Destination = Pick<ISocketFactoryArgs, "host" | "port">;

function openSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...ssl }, onConnect)
    : connect({ host, port }, onConnect);
  return socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
}

/** A socket that says why it is of no use as soon as somebody listens. */
function failed(error: Error): Socket {
  const socket = new Socket();
  setImmediate(() => socket.destroy(error));
  return socket;
}

/** Whether somebody listens there. */
function canBeReached(to: Destination): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(to, () => resolve(true));
  const timer = setTimeout(() => resolve(false), CONNECT_WITHIN_MS);
  socket.once("error", () => resolve(false));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
