import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the ports that systems take for outgoing connections (Linux from 32768, others from 49152): a stopped member finds its port free again.
const FIRST = 15000;
const AFTER_LAST = 32000;

const given = new Set<number>();

/** `count` loopback ports that nothing listens on now, none of which this process was given before. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 1000) throw new Error(`no ${count} free ports between ${FIRST} and ${AFTER_LAST}`);
    const port = randomInt(FIRST, AFTER_LAST);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

/** A loopback port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
