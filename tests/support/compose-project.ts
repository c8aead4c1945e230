/** A compose project of a test: the system of compose.yaml under a name and on a port of its own. */
export interface ComposeProject {
  /** Where it is published. */
  readonly url: string;
  /**
   * Runs docker compose on the project.
   * @returns what it wrote to standard output
   * @throws with what it wrote when it fails
   */
  compose(...words: readonly string[]): Promise<string>;
  /**
   * Runs a script of the repository on the project.
   * @returns what it wrote to standard output
   * @throws with what it wrote when it fails
   */
  script(path: string, ...words: readonly string[]): Promise<string>;
  /** What the engine knows of its containers, those that have ended too. */
  containers(): Promise<readonly Container[]>;
  /** The name of a service's container, as `docker kill` takes it. */
  nameOf(service: string, replica?: number): string;
  /** What a network of compose.yaml is called at the engine. */
  networkOf(name: string): string;
  /** The same of a volume. */
  volumeOf(name: string): string;
}

/** The part of `docker inspect` that tests look at. */
export interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Status: string; readonly ExitCode: number };
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapAdd: readonly string[] | null;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
    readonly Privileged: boolean;
  };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly unknown[] | null>>;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

interface ProjectOptions {
  readonly name: string;
  readonly port: number;
  /** Compose files after compose.yaml, from the root of the repository. */
  readonly files?: readonly string[];
}

const root = `${import.meta.dir}/../..`;

/**
 * `COMPOSE_OVERRIDE` names a further compose file, for a host whose builds need settings of their own; `COMPOSE_TEST_PROJECT` is what the project's
 * name ends with, so that anyone who runs the test can clean up behind it.
 */
export function composeProject({ name, port, files = [] }: ProjectOptions): ComposeProject {
  const override = process.env["COMPOSE_OVERRIDE"];
  const allFiles = ["compose.yaml", ...files, ...(override ? [override] : [])];
  const project = `${name}-${process.env["COMPOSE_TEST_PROJECT"] ?? process.pid}`;
  const environment = { COMPOSE_PROJECT_NAME: project, COMPOSE_FILE: allFiles.join(":"), PORT: String(port) };
  const compose = (...words: readonly string[]) => run(["docker", "compose", ...words], environment);
  return {
    url: `http://127.0.0.1:${port}`,
    compose,
    script: (path, ...words) => run([`./${path}`, ...words], environment),
    nameOf: (service, replica = 1) => `${project}-${service}-${replica}`,
    networkOf: (network) => `${project}_${network}`,
    volumeOf: (volume) => `${project}_${volume}`,
    async containers() {
      const ids = (await compose("ps", "--all", "--quiet")).split("\n").filter((id) => id !== "");
      return JSON.parse(await docker(["inspect", ...ids])) as readonly Container[];
    },
  };
}

/** @throws with what it wrote when it fails */
export const docker = (words: readonly string[]): Promise<string> => run(["docker", ...words], {});

async function run(words: readonly string[], environment: Record<string, string>): Promise<string> {
  const child = Bun.spawn([...words], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${words.join(" ")} failed: ${errors.slice(-2_000)}${out.slice(-1_000)}`);
  return out;
}

/** The name that compose.yaml gives to a container's service. */
export const serviceOf = ({ Config }: Container): string => Config.Labels["com.docker.compose.service"] ?? "";

/**
 * The address of a running container in one of its networks, which its host reaches past all of compose's walls. It changes when a container is
 * started again.
 */
export function addressOf(container: Container): string {
  const address = Object.values(container.NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== "");
  if (address === undefined) throw new Error(`${container.Name} has no address: is it running?`);
  return address.IPAddress;
}
