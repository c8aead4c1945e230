import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { participants, serviceNames } from "@shop/contracts/services";
import { objections } from "./kubernetes-validate.ts";
import { run } from "../support/program.ts";

/** The parts of a manifest that tests look at. */
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, never> & {
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
    readonly selector?: { readonly matchLabels?: Labels };
    readonly scaleTargetRef?: { readonly name: string };
    readonly jobLabel?: string;
    readonly podMetricsEndpoints?: readonly { readonly port: string }[];
  };
}
type Labels = Readonly<Record<string, string>>;
interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}
interface Rule {
  readonly from?: readonly { readonly podSelector?: Selector; readonly namespaceSelector?: Selector }[];
  readonly to?: readonly { readonly podSelector?: Selector; readonly namespaceSelector?: Selector }[];
  readonly ports?: readonly { readonly port: string | number }[];
}
interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly seccompProfile: { readonly type: string } };
  readonly containers: readonly {
    readonly ports?: readonly { readonly name: string }[];
    readonly envFrom?: readonly {
      readonly secretRef?: { readonly name: string };
      readonly configMapRef?: { readonly name: string };
    }[];
    readonly startupProbe?: object;
    readonly readinessProbe?: object;
    readonly livenessProbe?: object;
    readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
    readonly resources: { readonly requests: object; readonly limits: { readonly memory: string } };
    readonly securityContext: {
      readonly allowPrivilegeEscalation: boolean;
      readonly readOnlyRootFilesystem: boolean;
      readonly capabilities: { readonly drop: readonly string[] };
    };
  }[];
}

const owners: readonly string[] = serviceNames;
const services = [...owners, "gateway", "frontend"];
/** A process may take this long to finish what it holds (shared/runtime/src/shutdown.ts). */
const STOP_S = 10;

const rendered: Record<string, { text: string; manifests: readonly Manifest[] }> = {};
beforeAll(async () => {
  for (const overlay of ["local", "aws"]) {
    const text = await run(["kubectl", "kustomize", `deploy/kubernetes/${overlay}`]);
    rendered[overlay] = { text, manifests: Bun.YAML.parse(text) as Manifest[] };
  }
}, 240_000);

const manifestsOf = (overlay: string, ...kinds: readonly string[]) =>
  (rendered[overlay]?.manifests ?? []).filter(({ kind }) => kinds.includes(kind));
const namesOf = (overlay: string, kind: string) => manifestsOf(overlay, kind).map(({ metadata }) => metadata.name);

describe.each(["local", "aws"])("the overlay %s", (overlay) => {
  test("is what the schema of Kubernetes allows, without a field that it does not know", async () => {
    const found = await objections(rendered[overlay]?.text ?? "");
    // The kinds of the External Secrets Operator and of the AWS Load Balancer Controller are not Kubernetes' own.
    expect(
      found.filter(
        (line) => !/Couldn't find schema for kind (ExternalSecret|SecretStore|TargetGroupBinding) /.test(line),
      ),
    ).toEqual([]);
  }, 240_000);

  test("has no secret in it", () => {
    expect(manifestsOf(overlay, "Secret")).toEqual([]);
    expect(rendered[overlay]?.text).not.toMatch(/postgres:\/\/[^:{]+:[^@{]+@/);
  });

  test("confines every container and bounds its memory", () => {
    const pods = manifestsOf(overlay, "Deployment", "StatefulSet", "Job");
    expect(pods.length).toBeGreaterThanOrEqual(12);
    const lax = pods.filter(({ spec }) => {
      const pod = spec.template?.spec;
      if (pod === undefined || pod.automountServiceAccountToken || !pod.securityContext.runAsNonRoot) return true;
      return pod.containers.some(({ securityContext, resources }) => {
        const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = securityContext;
        const strict = !allowPrivilegeEscalation && readOnlyRootFilesystem && capabilities.drop.includes("ALL");
        return !strict || resources.limits.memory === "" || Object.keys(resources.requests).length !== 2;
      });
    });
    expect(lax.map(({ metadata }) => metadata.name)).toEqual([]);
  });

  test("gives each service probes, a stop without haste, a budget of disruptions and an autoscaler", () => {
    const expected = services.map((name) => `${name}-service`).toSorted();
    expect(namesOf(overlay, "Deployment").toSorted()).toEqual(expected);
    expect(namesOf(overlay, "PodDisruptionBudget").toSorted()).toEqual(expected);
    const scaled = manifestsOf(overlay, "HorizontalPodAutoscaler").map(({ spec }) => spec.scaleTargetRef?.name ?? "");
    expect(scaled.toSorted()).toEqual(expected);
    for (const { spec } of manifestsOf(overlay, "Deployment")) {
      const pod = spec.template?.spec;
      const [container] = pod?.containers ?? [];
      expect([container?.startupProbe, container?.readinessProbe, container?.livenessProbe]).not.toContain(undefined);
      const pause = container?.lifecycle?.preStop?.sleep?.seconds ?? 0;
      expect(pause).toBeGreaterThan(0);
      expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(pause + STOP_S);
    }
  });

  test("migrates each database by a job of its own", () => {
    expect(namesOf(overlay, "Job").toSorted()).toEqual(owners.map((name) => `${name}-migration`).toSorted());
  });

  test("lets each pod reach what its compose networks let it reach, and nothing else of ours", () => {
    expect(reach(overlay)).toEqual(overlay === "local" ? [...calls, ...storage].toSorted() : calls.toSorted());
  });
});

describe.each(["local", "aws"])("the overlay %s with every component", (overlay) => {
  let folder: string;
  let manifests: readonly Manifest[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "overlay-"));
    const at = (path: string) => relative(folder, join(import.meta.dir, "../../deploy/kubernetes", path));
    const names = ["mail", "monitoring", "scale-by-lag", "shared-rate-limits"];
    const kustomization = { resources: [at(overlay)], components: names.map((name) => at(`components/${name}`)) };
    await Bun.write(join(folder, "kustomization.yaml"), JSON.stringify({ namespace: "shop", ...kustomization }));
    manifests = Bun.YAML.parse(await run(["kubectl", "kustomize", folder])) as Manifest[];
  }, 120_000);
  afterAll(() => rm(folder, { recursive: true }));
  const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);

  test("is monitored and scaled as the definitions of these resources allow", () => {
    // They let a field pass that they do not know.
    const models = { PodMonitor, PrometheusRule, ScaledObject };
    for (const [kind, Model] of Object.entries(models)) {
      expect(ofKind(kind).length).toBeGreaterThan(0);
      for (const manifest of ofKind(kind)) new Model(manifest as never).validate();
      expect(() => new Model({ metadata: { name: "x" }, spec: { groups: 1 } } as never).validate()).toThrow();
    }
  });

  test("is asked for metrics by the name of each service, at a port that each has", () => {
    const [monitor] = ofKind("PodMonitor").map(({ spec }) => spec);
    const { selector = {}, jobLabel = "", podMetricsEndpoints: [endpoint] = [] } = monitor ?? {};
    const pods = [...ofKind("Deployment"), ...ofKind("StatefulSet"), ...ofKind("Job")];
    const asked = pods.flatMap(({ spec: { template } }) =>
      template !== undefined && fits(selector, template.metadata.labels) ? [template] : [],
    );
    expect(asked.map(({ metadata }) => metadata.labels[jobLabel] ?? "").toSorted()).toEqual(services.toSorted());
    const ports = asked.map(({ spec }) => spec.containers[0]?.ports?.map(({ name }) => name));
    expect(ports.every((names) => names?.includes(endpoint?.port ?? "none"))).toBe(true);
  });

  test("scales who takes part in the messaging by lag and the others by CPU, each by one autoscaler", () => {
    const scaled = (kind: string) => ofKind(kind).map(({ spec }) => spec.scaleTargetRef?.name ?? "");
    const byLag = participants.map((name) => `${name}-service`);
    expect(scaled("ScaledObject").toSorted()).toEqual(byLag.toSorted());
    const others = services.map((name) => `${name}-service`).filter((name) => !byLag.includes(name));
    expect(scaled("HorizontalPodAutoscaler").toSorted()).toEqual(others.toSorted());
    for (const { metadata, spec } of ofKind("ScaledObject")) {
      const job = metadata.name.replace("-service", "");
      expect(JSON.stringify(spec)).toContain(`consumer_lag_messages{job=\\"${job}\\"}`);
    }
  });

  test("gives the user service the mail server, and the gateway the database of rate limits", () => {
    const secretsOf = (name: string) =>
      ofKind("Deployment")
        .filter(({ metadata }) => metadata.name === name)
        .flatMap(({ spec }) => spec.template?.spec.containers[0]?.envFrom ?? [])
        .flatMap(({ secretRef, configMapRef }) => [secretRef?.name, configMapRef?.name])
        .filter((source) => ["mail", "rate-limits"].includes(source ?? ""));
    expect(secretsOf("user-service")).toEqual(["mail", "mail"]);
    expect(secretsOf("gateway-service")).toEqual(["rate-limits"]);
    expect(secretsOf("order-service")).toEqual([]);
  });
});

/** Who may call whom: the networks of compose.yaml, with the direction added. */
const calls = [
  "frontend → gateway",
  ...owners.map((name) => `gateway → ${name}`),
  ...participants.map((name) => `${name} → user`),
];
const storage = [
  ...owners.flatMap((name) => [`${name} → ${name} database`, `${name} migration → ${name} database`]),
  ...[...participants, "kafka"].map((name) => `${name} → kafka`),
];

function fits({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ""))
  );
}

function reach(overlay: string): readonly string[] {
  const pods = manifestsOf(overlay, "Deployment", "StatefulSet", "Job").map(({ spec }) => {
    const labels = spec.template?.metadata.labels ?? {};
    const component = labels["app.kubernetes.io/component"];
    const name = labels["app.kubernetes.io/name"] ?? "";
    return { labels, name: component === "service" || component === undefined ? name : `${name} ${component}` };
  });
  const policies = manifestsOf(overlay, "NetworkPolicy").map(({ spec }) => spec);
  /** Whether a policy for `pod` has a rule in this direction that names `other`. */
  const allows = (direction: "ingress" | "egress", pod: Labels, other: Labels) =>
    policies.some(
      (policy) =>
        fits(policy.podSelector ?? {}, pod) &&
        (policy[direction] ?? []).some((rule) =>
          ((direction === "ingress" ? rule.from : rule.to) ?? []).some(
            (peer) =>
              peer.namespaceSelector === undefined && peer.podSelector !== undefined && fits(peer.podSelector, other),
          ),
        ),
    );
  const denied = policies.some(
    ({ podSelector, policyTypes = [] }) => Object.keys(podSelector ?? {}).length === 0 && policyTypes.length === 2,
  );
  if (!denied) return ["everyone → everyone"];
  return pods
    .flatMap((from) =>
      pods
        .filter((to) => allows("egress", from.labels, to.labels) && allows("ingress", to.labels, from.labels))
        .map((to) => `${from.name} → ${to.name}`),
    )
    .toSorted();
}
