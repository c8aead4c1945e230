import { errorText } from "./error-text.ts";
import { importLayers } from "./import-layers.ts";
import { noDoubleAssertion } from "./no-double-assertion.ts";
import { noEnvironment } from "./no-environment.ts";
import { pureDomain } from "./pure-domain.ts";
import { transactionOnly } from "./transaction-only.ts";

/** The rules of this repository that no linter brings, loaded by oxlint. */
export default {
  meta: { name: "shop" },
  rules: {
    "error-text": errorText,
    "import-layers": importLayers,
    "no-double-assertion": noDoubleAssertion,
    "no-environment": noEnvironment,
    "pure-domain": pureDomain,
    "transaction-only": transactionOnly,
  },
};
