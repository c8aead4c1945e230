import { useEffect } from "preact/hooks";
import type { Role } from "@shop/contracts/http/define";
import type { PageName } from "../pages/paths.ts";
import { AccountPage } from "./account-page.tsx";
import { SetPasswordPage, SignInPage, SignUpPage } from "./account.tsx";
import { homeOf } from "./addresses.ts";
import { useApp } from "./app-state.ts";
import { AuditPage } from "./admin/audit.tsx";
import { DeadLettersPage } from "./admin/dead-letters.tsx";
import { DeliveriesPage } from "./admin/deliveries.tsx";
import { HealthPage } from "./admin/health.tsx";
import { AdminOrderPage } from "./admin/order.tsx";
import { AdminOrdersPage } from "./admin/orders.tsx";
import { ProductsPage } from "./admin/products.tsx";
import { SagaPage } from "./admin/saga.tsx";
import { SagasPage } from "./admin/sagas.tsx";
import { UsersPage } from "./admin/users.tsx";
import { WebhooksPage } from "./admin/webhooks.tsx";
import { CartPage } from "./customer/cart.tsx";
import { OrderPage } from "./customer/order.tsx";
import { OrdersPage } from "./customer/orders.tsx";
import { ShopPage } from "./customer/shop.tsx";
import { Link } from "./parts/link.tsx";
import { Empty, ErrorNotice, Skeleton } from "./parts/states.tsx";
import { RiderPage } from "./rider/rider.tsx";
import { navigate, type PageRoute, pathTo } from "./router.ts";

/** Who a page is for; undefined: for anyone. */
const FOR: Readonly<Partial<Record<PageName, Role | "every role">>> = {
  account: "every role",
  orders: "customer",
  order: "customer",
  rider: "rider",
  adminOrders: "admin",
  adminOrder: "admin",
  sagas: "admin",
  saga: "admin",
  products: "admin",
  deadLetters: "admin",
  deliveries: "admin",
  webhooks: "admin",
  users: "admin",
  audit: "admin",
  health: "admin",
};

interface CurrentPageProps {
  readonly route: PageRoute | undefined;
  /** Why it could not be found out so far who is logged in. */
  readonly doubt: unknown;
}

/** The page that the address means, for those whom it is for. */
export function CurrentPage({ route, doubt }: CurrentPageProps) {
  const { texts, user, isSettled } = useApp();
  const home = homeOf(user?.role);
  const isElsewhere = route?.page === "shop" && home !== pathTo("shop");
  useEffect(() => {
    if (isElsewhere) navigate(home, { replace: true });
  }, [isElsewhere, home]);

  if (route === undefined) {
    return (
      <Empty title={texts.notFound.title} text={texts.notFound.text}>
        <Link to={home} class="button">
          {texts.backHome}
        </Link>
      </Empty>
    );
  }
  const role = FOR[route.page];
  if (!isSettled && role !== undefined) {
    return (
      <>
        {doubt === undefined ? null : <ErrorNotice error={doubt} />}
        <Skeleton rows={3} />
      </>
    );
  }
  if (role !== undefined && user === undefined) return <SignInPage isGate />;
  if (role !== undefined && role !== "every role" && user?.role !== role) {
    return (
      <Empty title={texts.wrongRole}>
        <Link to={home} class="button">
          {texts.backHome}
        </Link>
      </Empty>
    );
  }
  return isElsewhere ? null : <PageOf route={route} />;
}

function PageOf({ route: { page, id } }: { readonly route: PageRoute }) {
  switch (page) {
    case "shop":
      return <ShopPage />;
    case "signIn":
      return <SignInPage />;
    case "signUp":
      return <SignUpPage />;
    case "cart":
      return <CartPage />;
    case "orders":
      return <OrdersPage />;
    case "order":
      return <OrderPage id={id} />;
    case "rider":
      return <RiderPage />;
    case "adminOrders":
      return <AdminOrdersPage />;
    case "adminOrder":
      return <AdminOrderPage id={id} />;
    case "sagas":
      return <SagasPage />;
    case "saga":
      return <SagaPage id={id} />;
    case "products":
      return <ProductsPage />;
    case "deadLetters":
      return <DeadLettersPage />;
    case "deliveries":
      return <DeliveriesPage />;
    case "setPassword":
      return <SetPasswordPage />;
    case "account":
      return <AccountPage />;
    case "webhooks":
      return <WebhooksPage />;
    case "audit":
      return <AuditPage />;
    case "users":
      return <UsersPage />;
    case "health":
      return <HealthPage />;
    default:
      return page satisfies never;
  }
}
