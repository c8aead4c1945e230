import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { prometheusRule } from "./prometheus-rule.ts";

const alerts = await Bun.file(join(REPOSITORY, "deploy/observability/alerts.yml")).text();
await Bun.write(
  join(REPOSITORY, "deploy/kubernetes/components/monitoring/prometheus-rule.yaml"),
  prometheusRule(alerts),
);
