import type postgres from "postgres";

/** The server's process of a connection. Given a pool, that of whichever connection answers. */
export async function pidOf(session: postgres.ISql): Promise<number> {
  const [row] = await session<{ pid: number }[]>`select pg_backend_pid() as pid`;
  if (row === undefined) throw new Error("a select without from gives one row");
  return row.pid;
}

/** Ends a session from another one, as an administrator would, and waits until its process is gone. */
export async function endSession(operator: postgres.ISql, pid: number): Promise<void> {
  const [row] = await operator<{ ended: boolean }[]>`select pg_terminate_backend(${pid}, 2000) as ended`;
  if (row?.ended !== true) throw new Error(`the process ${pid} is still there`);
}
