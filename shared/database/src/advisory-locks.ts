/**
 * The advisory locks of all services and packages. PostgreSQL knows them by their number alone, and two uses of one number wait for each other: so all
 * of them stand here. Any number will do.
 */
export const ADVISORY_LOCKS = {
  /** Held by the session that migrates. */
  migration: 7_203_114,
  /** Held by the session of the relay that publishes, for as long as it lives. */
  relay: 7_203_115,
  /** Held by the transaction that grants: two grants on one table at once fail ("tuple concurrently updated"). */
  grant: 7_203_116,
  signingKeys: 5_310_027,
  /** Taken by the trigger `audit_entry_chain`, in SQL. */
  auditTrail: 5_310_028,
  admins: 5_310_029,
  orderSearch: 5_310_031,
} as const;
