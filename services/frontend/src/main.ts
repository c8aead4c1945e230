import { loadConfig } from "@shop/runtime/config";
import { addressRules, ownLimits, warnOfFewRequests } from "@shop/service/edge";
import { runMain, runProcess } from "@shop/service/process";
import { frontendRules, frontendSettings, isSecure } from "./config.ts";
import { createFrontend } from "./service.ts";

runMain(() => {
  const config = loadConfig(frontendSettings, process.env, { rules: frontendRules });
  return runProcess({
    name: "frontend",
    settings: config,
    build: (parts) => {
      warnOfFewRequests(config, parts.logger);
      return createFrontend({
        ...parts,
        ...addressRules(config, ownLimits(parts.clock)),
        gatewayUrls: config.GATEWAY_URL,
        maxEventStreams: config.MAX_EVENT_STREAMS,
        upstreamTimeoutMs: config.UPSTREAM_TIMEOUT_MS,
        secure: isSecure(config),
        rebuildPages: config.REBUILD_PAGES,
      });
    },
  });
});
