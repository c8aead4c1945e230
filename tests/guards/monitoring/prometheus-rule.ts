/** The manifest of the alerts for the Prometheus Operator: the groups of `deploy/observability/alerts.yml`, as they stand there. @param alerts that file's text */
export function prometheusRule(alerts: string): string {
  const groups = alerts.slice(alerts.indexOf("groups:\n"));
  const indented = groups.replaceAll(/^(?=.)/gm, "  ");
  return `# Made from deploy/observability/alerts.yml by \`bun run generate:alerts\`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: alerts
spec:
${indented}`;
}
