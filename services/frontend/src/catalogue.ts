import { listProducts, type Product } from "@shop/contracts/http/product";
import type { RequestCall } from "@shop/http/call";
import type { Logger } from "@shop/runtime/logger";

interface ReadProductsOptions {
  readonly gatewayUrl: string;
  readonly call: RequestCall;
  readonly logger: Logger;
}

/** A page is not to wait for it any longer. */
const READ_WITHIN_MS = 1_000;

/** The newest products on sale, or undefined when the API cannot tell them now. */
export async function readProducts({
  gatewayUrl,
  call,
  logger,
}: ReadProductsOptions): Promise<readonly Product[] | undefined> {
  try {
    const response = await fetch(gatewayUrl + listProducts.path, {
      headers: { "x-request-id": call.requestId, traceparent: call.traceparent },
      signal: AbortSignal.timeout(READ_WITHIN_MS),
    });
    if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
    return listProducts.success.schema.parse(await response.json()).items;
  } catch (error) {
    logger.warn("the page is shown without products", { requestId: call.requestId, error });
    return undefined;
  }
}
