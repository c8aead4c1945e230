import { createKeySource } from "@shop/http/auth/key-source";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { loadConfig } from "@shop/runtime/config";
import { addressRules, ownLimits, warnOfFewRequests } from "@shop/service/edge";
import { runMain, runProcess } from "@shop/service/process";
import { streamLimits } from "@shop/service/settings";
import { addressesOf, gatewaySettings } from "./config.ts";
import { createSharedRateLimits } from "./shared-rate-limit.ts";
import { createGateway } from "./service.ts";

runMain(() => {
  const config = loadConfig(gatewaySettings, process.env);
  return runProcess({
    name: "gateway",
    settings: config,
    build: (parts) => {
      warnOfFewRequests(config, parts.logger);
      const databaseUrl = config.RATE_LIMIT_DATABASE_URL;
      const shared = databaseUrl === undefined ? undefined : createSharedRateLimits(databaseUrl, parts);
      const limits = shared?.limit ?? ownLimits(parts.clock);
      const { TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience } = config;
      const keySource = createKeySource(config.JWKS_URL, parts);
      const verifier = createTokenVerifier({ ...parts, ...keySource, issuer, audience });
      void verifier.fetchKeysAhead();
      return createGateway({
        ...parts,
        ...addressRules(config, limits),
        verifier,
        rateLimit: limits("user", config.RATE_LIMIT_PER_USER_PER_SECOND),
        shared,
        urls: addressesOf(config),
        streamLimits: streamLimits(config),
        traceUrl: config.TRACE_LINK,
        upstreamTimeoutMs: config.UPSTREAM_TIMEOUT_MS,
      });
    },
  });
});
