import {
  MANAGEMENT_PORT_OFFSET,
  participants,
  type ProcessName,
  processNames,
  serviceNames,
  services,
} from "@shop/contracts/services";

/** The text of a file by its path from the root of the repository. */
export type Read = (path: string) => Promise<string>;

/** The files that name the services and can derive from nothing. */
export const COMPARED = [
  "compose.yaml",
  "compose.cluster.yaml",
  "deploy/docker/Dockerfile",
  "deploy/docker/backup.sh",
  "deploy/docker/dumps.sh",
  "deploy/docker/restore.sh",
  "deploy/kubernetes/aws/kustomization.yaml",
  "deploy/kubernetes/aws/secrets.yaml",
  "deploy/kubernetes/base/gateway/kustomization.yaml",
  "deploy/kubernetes/base/kustomization.yaml",
  "deploy/kubernetes/base/network-policies.yaml",
  "deploy/kubernetes/local/kustomization.yaml",
  "deploy/kubernetes/local/make-secrets.sh",
  "deploy/observability/alerts.yml",
  "deploy/observability/prometheus.yml",
  "deploy/terraform/network.tf",
] as const;

/** What a file lists, beside what the manifest of the services says that it has to list. */
interface Comparison {
  readonly file: (typeof COMPARED)[number] | `deploy/kubernetes/base/${ProcessName}/kustomization.yaml`;
  readonly what: string;
  readonly listed: readonly string[];
  readonly expected: readonly string[];
}

/** What differs from the manifest (`shared/contracts/src/services.ts`), a sentence each. */
export async function differences(read: Read): Promise<readonly string[]> {
  const comparisons = (await Promise.all([ofCompose(read), ofKubernetes(read), ofTheRest(read)])).flat();
  return comparisons.flatMap(({ file, what, listed, expected }) => {
    const missing = expected.filter((name) => !listed.includes(name));
    const unknown = listed.filter((name) => !expected.includes(name));
    return [
      ...missing.map((name) => `${file}: ${what} lack ${name}`),
      ...unknown.map((name) => `${file}: ${what} have ${name}, which the manifest of the services does not`),
    ];
  });
}

const addressSetting = (name: string) => `${name.toUpperCase()}_URL`;
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = ""]) => name);

interface ComposeService {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly networks?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

async function ofCompose(read: Read): Promise<readonly Comparison[]> {
  const compose = Bun.YAML.parse(await read("compose.yaml")) as Compose;
  const cluster = Bun.YAML.parse(await read("compose.cluster.yaml")) as Compose;
  const entries = Object.entries(compose.services);
  const running = (program: string) =>
    entries.flatMap(([name, { command = [] }]) =>
      command.map(String).flatMap((argument) => (argument.endsWith(program) ? [`${name} ${argument}`] : [])),
    );
  const withSetting = (from: Compose, setting: string) =>
    Object.entries(from.services).flatMap(([name, { environment = {} }]) => (setting in environment ? [name] : []));
  const ports = processNames.map((name) => `${name} ${services[name].port + MANAGEMENT_PORT_OFFSET}`);
  const addresses = serviceNames.map((name) => `${addressSetting(name)}=http://${name}:${services[name].port}`);
  const file = "compose.yaml";
  return [
    {
      ...{ file, what: "the services", listed: running("/src/main.ts") },
      expected: processNames.map((name) => `${name} services/${name}/src/main.ts`),
    },
    {
      ...{ file, what: "the migrations", listed: running("/src/migrate.ts") },
      expected: serviceNames.map((name) => `${name}-migration services/${name}/src/migrate.ts`),
    },
    {
      ...{ file, what: "the databases", listed: withSetting(compose, "POSTGRES_DB") },
      expected: serviceNames.map((name) => `${name}-db`),
    },
    {
      ...{ file, what: "the networks of databases", expected: serviceNames.map((name) => `${name}-db`) },
      listed: Object.keys(compose.networks).filter((name) => name.endsWith("-db")),
    },
    {
      ...{ file, what: "the volumes of databases", expected: serviceNames.map((name) => `${name}-db`) },
      listed: Object.keys(compose.volumes).filter((name) => name.endsWith("-db")),
    },
    {
      ...{ file, what: "the management ports", expected: ports },
      listed: entries.flatMap(([name, { environment = {} }]) =>
        "MANAGEMENT_PORT" in environment ? [`${name} ${environment["MANAGEMENT_PORT"]}`] : [],
      ),
    },
    {
      ...{ file, what: "the services with Kafka", expected: participants },
      listed: withSetting(compose, "KAFKA_BROKERS").filter((name) => name !== "kafka-access"),
    },
    {
      ...{ file, what: "the addresses that the gateway has", expected: addresses },
      listed: Object.entries(compose.services["gateway"]?.environment ?? {}).flatMap(([name, value]) =>
        name.endsWith("_URL") && name !== "JWKS_URL" ? [`${name}=${value}`] : [],
      ),
    },
    {
      ...{ file: "compose.cluster.yaml", what: "the services", expected: processNames },
      listed: Object.keys(cluster.services).filter((name) => !/^kafka|-db$/.test(name)),
    },
    {
      ...{ file: "compose.cluster.yaml", what: "the services with Kafka", expected: participants },
      listed: withSetting(cluster, "KAFKA_BROKERS"),
    },
  ];
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
}

async function ofKubernetes(read: Read): Promise<readonly Comparison[]> {
  const kustomization = async (path: string) => Bun.YAML.parse(await read(path)) as Kustomization;
  const base = await kustomization("deploy/kubernetes/base/kustomization.yaml");
  const local = await kustomization("deploy/kubernetes/local/kustomization.yaml");
  const gateway = await read("deploy/kubernetes/base/gateway/kustomization.yaml");
  const policies = await read("deploy/kubernetes/base/network-policies.yaml");
  const secrets = await read("deploy/kubernetes/aws/secrets.yaml");
  const overlay = await read("deploy/kubernetes/aws/kustomization.yaml");
  const named = all(overlay, /kubernetes\.io\/name in \(([^)]*)\)/g).map((list) => list.split(", "));
  const components = await Promise.all(
    processNames.map(async (name): Promise<Comparison> => {
      const file = `deploy/kubernetes/base/${name}/kustomization.yaml` as const;
      const text = await read(file);
      const { components: listed = [] } = Bun.YAML.parse(text) as Kustomization;
      const parts = [...(services[name].database === null ? [] : ["../database"])];
      if (services[name].topics !== null) parts.push("../messaging");
      return {
        ...{ file, what: "its parts and its program" },
        listed: [...listed, ...all(text, /value: \[(services\/\w+\/src\/main\.ts)\]/g)],
        expected: [...parts, `services/${name}/src/main.ts`],
      };
    }),
  );
  return [
    ...components,
    {
      ...{ file: "deploy/kubernetes/base/kustomization.yaml", what: "the services", expected: processNames },
      listed: (base.resources ?? []).filter((path) => !path.endsWith(".yaml")),
    },
    {
      ...{ file: "deploy/kubernetes/base/network-policies.yaml", what: "the policies" },
      listed: all(policies, /^ {2}name: (\S+)-service$/gm),
      expected: processNames,
    },
    {
      ...{ file: "deploy/kubernetes/base/gateway/kustomization.yaml", what: "the addresses" },
      listed: all(gateway, /name: (\w+_URL), value: "http:\/\/\w+-service"/g),
      expected: serviceNames.map(addressSetting),
    },
    {
      ...{ file: "deploy/kubernetes/local/kustomization.yaml", what: "the databases" },
      listed: (local.resources ?? []).filter((path) => path.endsWith("-db")),
      expected: serviceNames.map((name) => `${name}-db`),
    },
    {
      ...{ file: "deploy/kubernetes/local/make-secrets.sh", what: "the secrets", expected: serviceNames },
      listed: all(await read("deploy/kubernetes/local/make-secrets.sh"), /^for name in (.*); do$/gm)
        .join(" ")
        .split(" "),
    },
    {
      ...{ file: "deploy/kubernetes/aws/secrets.yaml", what: "the secrets" },
      listed: all(secrets, /^ {2}name: (\S+-database)$/gm),
      expected: serviceNames.flatMap((name) => [`${name}-database`, `${name}-migration-database`]),
    },
    {
      ...{ file: "deploy/kubernetes/aws/secrets.yaml", what: "the names at Kafka", expected: participants },
      listed: all(secrets, /key: AmazonMSK_shop_(\w+)/g),
    },
    {
      ...{ file: "deploy/kubernetes/aws/kustomization.yaml", what: "the services with Kafka", expected: participants },
      listed: named[0] ?? [],
    },
    {
      ...{ file: "deploy/kubernetes/aws/kustomization.yaml", what: "the services with a database" },
      listed: named[1] ?? [],
      expected: serviceNames,
    },
  ];
}

async function ofTheRest(read: Read): Promise<readonly Comparison[]> {
  const dockerfile = await read("deploy/docker/Dockerfile");
  const network = await read("deploy/terraform/network.tf");
  const set = (name: string) =>
    all(network, new RegExp(`^ {2}${name}\\s*= toset\\(\\[(.*)\\]\\)$`, "gm")).flatMap((list) => all(list, /"(\w+)"/g));
  const prometheus = await read("deploy/observability/prometheus.yml");
  const targets = [...prometheus.matchAll(/job_name: (\w+)\n.*names: \[(\w+)\].*port: (\d+)/g)];
  const script = (file: (typeof COMPARED)[number], what: string, pattern: RegExp, text: string): Comparison => ({
    ...{ file, what, expected: serviceNames },
    listed: all(text, pattern).flatMap((list) => list.trim().split(/[ |,]+/)),
  });
  const backup = await read("deploy/docker/backup.sh");
  const restore = await read("deploy/docker/restore.sh");
  const dumps = await read("deploy/docker/dumps.sh");
  return [
    {
      ...{ file: "deploy/docker/Dockerfile", what: "the packages", expected: processNames },
      listed: all(dockerfile, /^COPY services\/(\w+)\/package\.json services\/\1\/$/gm),
    },
    script("deploy/docker/backup.sh", "the databases", /set -- ([a-z ]+)$/gm, backup),
    script("deploy/docker/backup.sh", "the databases of its usage", /\[([a-z|]+) \.\.\.\]/g, backup),
    script("deploy/docker/restore.sh", "the databases", /set -- ([a-z ]+)$/gm, restore),
    script("deploy/docker/restore.sh", "the databases of its usage", /all \| ([a-z|]+) \.\.\./g, restore),
    script("deploy/docker/dumps.sh", "the databases", /left="([a-z ]+)"/g, dumps),
    script("deploy/docker/dumps.sh", "the databases that it names", /name each of ([a-z, ]+) once/g, dumps),
    {
      ...{ file: "deploy/terraform/network.tf", what: "the services", expected: serviceNames },
      listed: set("services"),
    },
    {
      ...{ file: "deploy/terraform/network.tf", what: "the participants", expected: participants },
      listed: set("participants"),
    },
    {
      ...{ file: "deploy/observability/prometheus.yml", what: "the targets" },
      listed: targets.map(([, job, name, port]) => `${job} ${name} ${port}`),
      expected: processNames.map((name) => `${name} ${name} ${services[name].port + MANAGEMENT_PORT_OFFSET}`),
    },
    {
      ...{ file: "deploy/observability/alerts.yml", what: "the processes of ServiceDown", expected: processNames },
      listed: all(await read("deploy/observability/alerts.yml"), /absent\(up\{job="(\w+)"\}\)/g),
    },
  ];
}
