import { join } from "node:path";
import { expect, test } from "bun:test";

/** The check of the scripts, on a container whose programs and server say these versions. */
function checkTools({
  dump,
  restore,
  server,
}: {
  readonly dump: string;
  readonly restore: string;
  readonly server: string;
}) {
  const script = `. ./dumps.sh
service=order
in_database() {
  case $1 in
    sh) echo 'pg_dump (PostgreSQL) ${dump}'; echo 'pg_restore (PostgreSQL) ${restore}' ;;
    psql) echo '${server}' ;;
  esac
}
check_tools`;
  const cwd = join(import.meta.dir, "../../deploy/docker");
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-euc", script], { cwd });
  return { exitCode, said: stderr.toString().trim() };
}

test("a database's container whose pg_dump or pg_restore is older than its server is refused, with what to do", () => {
  const older = checkTools({ dump: "15.18 (Debian 15.18-0+deb12u1)", restore: "18.4", server: "18.4" });
  expect(older).toEqual({
    exitCode: 1,
    said: "order: in order-db pg_dump is of PostgreSQL 15, the server of 18.4; give it an image in which both are of one version",
  });
  expect(checkTools({ dump: "18.4", restore: "9.6.24", server: "18.4" }).said).toContain(
    "pg_restore is of PostgreSQL 9,",
  );
});

test("a container whose programs are of its server's version or of a newer one is not", () => {
  const taken = { exitCode: 0, said: "" };
  expect(checkTools({ dump: "18.4", restore: "18.4", server: "18.4" })).toEqual(taken);
  expect(checkTools({ dump: "19beta2", restore: "19.1", server: "18.6 (Debian 18.6-3)" })).toEqual(taken);
});
