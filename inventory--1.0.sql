/* inventory--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION inventory" to load this file. \quit


-- ----------------------------------------------------------------- types

CREATE TYPE @extschema@.inv_outcome AS (
    line        integer,
    status      text,
    sku         text,
    location    text,
    quantity    bigint,
    on_hand     bigint,
    reserved    bigint,
    available   bigint,
    backordered bigint,
    version     bigint,
    movement_id bigint,
    replayed    boolean
);
COMMENT ON TYPE @extschema@.inv_outcome IS
'What every call answers, one row per input line: its status, and the stock '
'as it stands after the call. status: ok, insufficient_stock, '
'version_conflict, unknown_item, inactive_item, unknown_location, not_applied '
'(another row of the call was refused). quantity: what was asked for. '
'backordered: how many of those were sold without being on the shelf. '
'movement_id: the change that this call made, null if it made none. replayed: '
'this is the answer to an earlier call with the same key.';

CREATE TYPE @extschema@.inv_component AS (
    component_sku text,
    quantity    bigint
);
COMMENT ON TYPE @extschema@.inv_component IS
'What inv_components() answers: quantity units of component_sku are in one '
'bundle.';

CREATE TYPE @extschema@.inv_hold_outcome AS (
    status      text,
    xid         text,
    branch      text,
    state       text,
    expires_at  timestamptz,
    replayed    boolean,
    sku         text,
    location    text,
    requested   bigint,
    available   bigint
);
COMMENT ON TYPE @extschema@.inv_hold_outcome IS
'What every call about a hold answers, always one row. status: as of '
'inv_outcome. state, of the hold after the call: held, confirmed, cancelled, '
'expired, or refused (a try that was not strict and found too little). '
'replayed: the call had been made before, and changed nothing now. sku, '
'location, requested, available: of a refusal, what was asked for where, and '
'how much there was.';

CREATE TYPE @extschema@.inv_maintenance AS (
    task        text,
    affected    bigint
);
COMMENT ON TYPE @extschema@.inv_maintenance IS
'What inv_maintain() did. task: leaves (made), keys (removed), '
'holds (expired), hold_tombstones (of decided holds, removed), alerts (closed, '
'removed).';

CREATE TYPE @extschema@.inv_reorder AS (
    sku         text,
    location    text,
    on_hand     bigint,
    reserved    bigint,
    available   bigint,
    reorder_point bigint,
    target_level bigint,
    daily_rate  numeric,
    days_left   numeric,
    suggested   bigint,
    alert       text
);
COMMENT ON TYPE @extschema@.inv_reorder IS
'What inv_reorder_list() answers, one row per stock row. daily_rate: units '
'sold (deducted and confirmed, less returned) in the last days, per day, not '
'below 0. days_left: (on_hand - reserved) / daily_rate, null where nothing was '
'sold. suggested: units to the target_level, or where that is null to '
'reorder_point and what was sold in the last days; not below 0. alert: the '
'state of the stock row, low, out or short.';

CREATE TYPE @extschema@.inv_verb_status AS (
    database    text,
    verb        text,
    running     boolean,
    pid         integer,
    started_at  timestamptz,
    last_loop_at timestamptz,
    last_run_at timestamptz,
    runs        bigint,
    backlog     bigint,
    errors      bigint,
    last_error  text,
    last_error_at timestamptz,
    hint        text
);
COMMENT ON TYPE @extschema@.inv_verb_status IS
'What inv_worker_status() answers, one row per kind of work (verb). running, '
'pid: whether the worker of this database runs; started_at, last_loop_at: '
'when it began, and when it last came round. last_run_at, runs, errors, '
'last_error, last_error_at: of the verb, since the server started. backlog: '
'how much the verb has to do now, null if it cannot be counted. hint: null if '
'all is well, else what to do.';

CREATE TYPE @extschema@.inv_job AS (
    name        text,
    schedule    text,
    command     text
);
COMMENT ON TYPE @extschema@.inv_job IS
'One job that inv_schedule_maintenance() registered with pg_cron.';

CREATE TYPE @extschema@.inv_stream AS (
    slot        text,
    lsn         pg_lsn
);
COMMENT ON TYPE @extschema@.inv_stream IS
'What inv_stream_create() answers: the replication slot, and the position from '
'which it has every change.';

CREATE TYPE @extschema@.inv_stream_state AS (
    slot        text,
    active      boolean,
    pid         integer,
    confirmed_lsn pg_lsn,
    lag_bytes   bigint,
    lag_ms      bigint,
    retained_bytes bigint,
    left_bytes  bigint,
    wal_status  text,
    healthy     boolean,
    advice      text
);
COMMENT ON TYPE @extschema@.inv_stream_state IS
'What inv_stream_status() answers, one row per slot of the change stream. '
'active, pid: whether somebody reads it. confirmed_lsn: what its reader has '
'confirmed; lag_bytes: how much the server has logged since. lag_ms: for how '
'long the oldest heartbeat has waited to be confirmed, 0 if none does; not '
'more than the truth, and less by one interval of heartbeats at most (of a '
'long time, by a fiftieth); null if no worker has written any since the server '
'started. retained_bytes: log that the server keeps for the slot. left_bytes: '
'how much more can be logged before it may be lost, null if that is unlimited '
'(max_slot_wal_keep_size) or it is lost. wal_status: as of '
'pg_replication_slots. healthy, advice: what is to be done if it is not.';

CREATE TYPE @extschema@.inv_change AS (
    cursor      text,
    movement_id bigint,
    stock_id    bigint,
    sku         text,
    location    text,
    kind        text,
    on_hand_delta bigint,
    reserved_delta bigint,
    version     bigint,
    reference   text,
    reason      text,
    hold        text,
    key         text,
    original_id bigint,
    actor       text,
    application_name text,
    traceparent text,
    txid        xid8,
    occurred_at timestamptz,
    recorded_at timestamptz
);
COMMENT ON TYPE @extschema@.inv_change IS
'What inv_changes_since() answers, one row per movement, with the columns of '
'inv_movement. cursor: what to pass to go on after this row.';

CREATE TYPE @extschema@.inv_discrepancy AS (
    sku         text,
    location    text,
    problem     text,
    expected    bigint,
    found       bigint
);
COMMENT ON TYPE @extschema@.inv_discrepancy IS
'One thing that inv_verify() found wrong: expected is what the ledger says, '
'found what stands elsewhere. problem: on_hand, reserved, version (the stock '
'row differs from the sum, or the number, of its movements), ledger_version '
'(the versions of its movements are not 1 to their number), stock_row '
'(movements without a stock row), holds (reserved differs from the lines of '
'open holds).';


-- ---------------------------------------------------------------- tables

/*
 * sku and location compare by bytes (COLLATE "C"): identifiers have no
 * language, and every lookup of a call compares them.
 *
 * 9007199254740991 is 2^53 - 1, the largest integer a JavaScript client can
 * hold exactly.
 */
CREATE TABLE @extschema@.inv_item (
    sku             text COLLATE "C" NOT NULL,
    name            text,
    unit            text NOT NULL DEFAULT 'piece',
    unit_price      numeric,
    currency        text,
    attributes      jsonb NOT NULL DEFAULT '{}',
    active          boolean NOT NULL DEFAULT true,
    safety_stock    bigint NOT NULL DEFAULT 0,
    backorder_limit bigint NOT NULL DEFAULT 0,
    reorder_point   bigint,
    target_level    bigint,
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.statement_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT pg_catalog.statement_timestamp(),
    CONSTRAINT inv_item_pkey PRIMARY KEY (sku),
    CONSTRAINT inv_item_sku_length
        CHECK (pg_catalog.octet_length(sku)
               OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.octet_length(sku)
               OPERATOR(pg_catalog.<=) 128),
    CONSTRAINT inv_item_sku_no_control_characters
        CHECK (sku OPERATOR(pg_catalog.!~) '[[:cntrl:]]'),
    CONSTRAINT inv_item_sku_no_outer_blanks
        CHECK (sku OPERATOR(pg_catalog.!~) '^[[:space:]]|[[:space:]]$'),
    CONSTRAINT inv_item_safety_stock_range
        CHECK (safety_stock OPERATOR(pg_catalog.>=) 0 AND
               safety_stock OPERATOR(pg_catalog.<=) 9007199254740991),
    CONSTRAINT inv_item_backorder_limit_range
        CHECK (backorder_limit OPERATOR(pg_catalog.>=) 0 AND
               backorder_limit OPERATOR(pg_catalog.<=) 9007199254740991),
    CONSTRAINT inv_item_reorder_point_range
        CHECK (reorder_point OPERATOR(pg_catalog.>=) 0 AND
               reorder_point OPERATOR(pg_catalog.<=) 9007199254740991),
    CONSTRAINT inv_item_target_level_range
        CHECK (target_level OPERATOR(pg_catalog.>=) 0 AND
               target_level OPERATOR(pg_catalog.<=) 9007199254740991)
);
COMMENT ON TABLE @extschema@.inv_item IS
'What is stocked. Edited with ordinary INSERT, UPDATE and DELETE; version and '
'updated_at move by themselves. The limits are the defaults of its stock '
'rows, which follow a change here.';

CREATE TABLE @extschema@.inv_location (
    location    text COLLATE "C" NOT NULL,
    name        text,
    sellable    boolean NOT NULL DEFAULT true,
    priority    integer NOT NULL DEFAULT 0,
    CONSTRAINT inv_location_pkey PRIMARY KEY (location),
    CONSTRAINT inv_location_length
        CHECK (pg_catalog.octet_length(location)
               OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.octet_length(location)
               OPERATOR(pg_catalog.<=) 128),
    CONSTRAINT inv_location_no_control_characters
        CHECK (location OPERATOR(pg_catalog.!~) '[[:cntrl:]]'),
    CONSTRAINT inv_location_no_outer_blanks
        CHECK (location OPERATOR(pg_catalog.!~) '^[[:space:]]|[[:space:]]$')
);
COMMENT ON TABLE @extschema@.inv_location IS
'Where items are stocked. Edited with ordinary INSERT, UPDATE and DELETE; the '
'default location is made by the first call that needs it. Not sellable: a '
'quarantine shelf, goods in transit. priority: lower is taken from first.';

/* No foreign keys, as of inv_stock; inv_bundle_guard and inv_key_guard. */
CREATE TABLE @extschema@.inv_bundle (
    sku             text COLLATE "C" NOT NULL,
    component_sku   text COLLATE "C" NOT NULL,
    quantity        bigint NOT NULL DEFAULT 1,
    CONSTRAINT inv_bundle_pkey PRIMARY KEY (sku, component_sku),
    CONSTRAINT inv_bundle_not_itself
        CHECK (sku OPERATOR(pg_catalog.<>) component_sku),
    CONSTRAINT inv_bundle_quantity_range
        CHECK (quantity OPERATOR(pg_catalog.>=) 1 AND
               quantity OPERATOR(pg_catalog.<=) 9007199254740991)
);
COMMENT ON TABLE @extschema@.inv_bundle IS
'What a bundle consists of: selling one of sku takes quantity units of each '
'component_sku, which may be a bundle itself. A bundle is an item without '
'stock of its own. Edited with ordinary INSERT, UPDATE and DELETE.';

/*
 * One row per (sku, location), written by src/stock.c alone.  No index on
 * anything a call changes, and room in the page for the next version: every
 * change stays a heap-only update.  What every call reads or changes comes
 * first, where nothing of variable length is before it: src/stockrow.c counts
 * on that.  No foreign keys: a parallel restore would load this table before
 * those it refers to; inv_key_guard keeps items and locations that have stock.
 * hot, folded_epoch, open_epochs and folded_to_id belong to hot stock and keep
 * their defaults on other rows.
 */
CREATE TABLE @extschema@.inv_stock (
    stock_id        bigint GENERATED ALWAYS AS IDENTITY,
    on_hand         bigint NOT NULL DEFAULT 0,
    reserved        bigint NOT NULL DEFAULT 0,
    version         bigint NOT NULL DEFAULT 0,
    safety_stock    bigint NOT NULL DEFAULT 0,
    backorder_limit bigint NOT NULL DEFAULT 0,
    quiet_from      bigint NOT NULL DEFAULT 9223372036854775807,
    quiet_to        bigint NOT NULL DEFAULT (-9223372036854775808),
    alert_state     smallint NOT NULL DEFAULT 0,
    own_limits      boolean NOT NULL DEFAULT false,
    active          boolean NOT NULL DEFAULT true,
    hot             boolean NOT NULL DEFAULT false,
    sku             text COLLATE "C" NOT NULL,
    location        text COLLATE "C" NOT NULL,
    reorder_point   bigint,
    target_level    bigint,
    folded_epoch    bigint NOT NULL DEFAULT 0,
    folded_to_id    bigint NOT NULL DEFAULT 0,
    open_epochs     bigint[] NOT NULL DEFAULT '{}',
    CONSTRAINT inv_stock_pkey PRIMARY KEY (stock_id),
    CONSTRAINT inv_stock_key UNIQUE (sku, location)
) WITH (fillfactor = 50);
/* so that a row that is gone or renamed can be named in the change stream */
ALTER TABLE @extschema@.inv_stock REPLICA IDENTITY USING INDEX inv_stock_key;
COMMENT ON TABLE @extschema@.inv_stock IS
'The stock rows. Only the functions of the extension write them; read '
'inv_stock_level instead, which is right for hot stock too.';
COMMENT ON COLUMN @extschema@.inv_stock.own_limits IS
'false: the limits follow those of the item; true: they were set for this '
'row.';
COMMENT ON COLUMN @extschema@.inv_stock.alert_state IS
'0 ok, 1 low, 2 out, 3 short: see inv_alert.';
COMMENT ON COLUMN @extschema@.inv_stock.quiet_from IS
'While on_hand - reserved is from here to quiet_to, both included, the '
'alert_state stays.';

CREATE SEQUENCE @extschema@.inv_movement_id_seq AS bigint CACHE 1;

/*
 * The ledger.  The parent has no index and no constraint, or a dump of it
 * could not be restored; each leaf gets its own before it is attached (see
 * src/leaf.c, which makes them all).  No foreign key to inv_stock: it would
 * cost a third of the rate on a popular row.
 */
CREATE TABLE @extschema@.inv_movement (
    movement_id      bigint NOT NULL,
    stock_id         bigint NOT NULL,
    sku              text COLLATE "C" NOT NULL,
    location         text COLLATE "C" NOT NULL,
    kind             text NOT NULL,
    on_hand_delta    bigint NOT NULL,
    reserved_delta   bigint NOT NULL,
    version          bigint,
    reference        text,
    reason           text,
    hold             text,
    key              text,
    original_id      bigint,
    actor            text NOT NULL,
    application_name text,
    traceparent      text,
    txid             xid8 NOT NULL,
    epoch            bigint,
    occurred_at      timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL
) PARTITION BY RANGE (movement_id);
COMMENT ON TABLE @extschema@.inv_movement IS
'The ledger: one row for every change of a stock row, appended by the '
'functions of the extension in the transaction that makes the change, never '
'changed afterwards. kind: receive, deduct, adjust, transfer, return; try, '
'confirm, release (of a hold). sku and location are those of that day. version: of the stock row after the change. '
'original_id: of a return, the movement that it gives back. occurred_at: when '
'it happened in the shop; recorded_at: when the database was told.';


/*
 * The fence of calls with a key, written by src/request.c alone.  outcomes is
 * null only while the call is under way.
 */
CREATE TABLE @extschema@.inv_request (
    key         text COLLATE "C" NOT NULL,
    function    text NOT NULL,
    digest      bytea NOT NULL,
    outcomes    @extschema@.inv_outcome[],
    created_at  timestamptz NOT NULL,
    CONSTRAINT inv_request_pkey PRIMARY KEY (key)
) WITH (fillfactor = 70);
COMMENT ON TABLE @extschema@.inv_request IS
'The answers of calls with a key, so that a repeated call is answered alike '
'and has no second effect. digest: SHA-256 of the function and its arguments. '
'Kept for inventory.key_retention at least.';


/*
 * The fence of holds, and what they hold, written by src/hold.c alone.  A
 * decided hold stays as a tombstone, without lines: so whoever looks for the
 * holds on a stock row reads none.  expires_at is null where nothing was ever
 * held; quantities are those of the lines of the try, confirmed how many of
 * them were taken.  status to available are those of a refusal.
 */
CREATE TABLE @extschema@.inv_hold (
    hold_id     bigint GENERATED ALWAYS AS IDENTITY,
    xid         text COLLATE "C" NOT NULL,
    branch      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    on_expiry   text COLLATE "C" NOT NULL,
    expires_at  timestamptz,
    digest      bytea,
    quantities  bigint[],
    confirmed   bigint[],
    reference   text,
    owner       text NOT NULL,
    created_at  timestamptz NOT NULL,
    decided_at  timestamptz,
    status      text,
    line        integer,
    sku         text,
    location    text,
    requested   bigint,
    available   bigint,
    CONSTRAINT inv_hold_pkey PRIMARY KEY (xid, branch)
);
COMMENT ON TABLE @extschema@.inv_hold IS
'Every hold by its xid and branch, decided ones too: so that calls are '
'answered right in any order and however often they come. Kept for '
'inventory.hold_retention after the decision. Read inv_open_holds.';

/*
 * held is what is still reserved; null: nothing, the hold has expired and may
 * reacquire it.
 */
CREATE TABLE @extschema@.inv_hold_line (
    hold_id     bigint NOT NULL,
    position    integer NOT NULL,
    line        integer NOT NULL,
    units       bigint NOT NULL,
    stock_id    bigint NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    location    text COLLATE "C" NOT NULL,
    quantity    bigint NOT NULL,
    confirmed   bigint NOT NULL,
    held        bigint,
    CONSTRAINT inv_hold_line_pkey PRIMARY KEY (hold_id, position)
);
COMMENT ON TABLE @extschema@.inv_hold_line IS
'What open holds hold of which stock row. units: of the sku in one of what '
'the line asks for, more than 1 in a bundle.';

/*
 * The changes of alert_state of stock rows, written by src/alert.c in the
 * transaction that makes them.  pending: nobody has looked yet whom to tell.
 */
CREATE TABLE @extschema@.inv_alert (
    alert_id    bigint GENERATED ALWAYS AS IDENTITY,
    event_id    uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    stock_id    bigint NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    location    text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    previous    text COLLATE "C" NOT NULL,
    on_hand     bigint NOT NULL,
    reserved    bigint NOT NULL,
    available   bigint NOT NULL,
    threshold   bigint NOT NULL,
    reorder_point bigint,
    target_level bigint,
    actor       text NOT NULL,
    txid        xid8 NOT NULL,
    raised_at   timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    pending     boolean NOT NULL DEFAULT true,
    CONSTRAINT inv_alert_pkey PRIMARY KEY (alert_id)
);
COMMENT ON TABLE @extschema@.inv_alert IS
'Every change of the state of a stock row. kind: low (on_hand - reserved is at '
'the reorder_point or below), out (nothing is available), short (holds and '
'backorders are more than may be promised), recovered (none of these any '
'more). previous: the state before: ok, low, out, short. threshold: the limit '
'that was crossed: reorder_point, safety_stock - backorder_limit, or '
'-backorder_limit; of recovered, the one it rose above. Kept for '
'inventory.alert_retention after it was closed, and for as long as a delivery of '
'it is kept. Read inv_alert_log.';


/*
 * Where alerts are told.  No foreign keys, as of inv_stock; the functions keep
 * the tables together.
 */
CREATE TABLE @extschema@.inv_endpoint (
    endpoint_id     bigint GENERATED ALWAYS AS IDENTITY,
    name            text COLLATE "C" NOT NULL,
    url             text NOT NULL,
    format          text NOT NULL,
    events          text[],
    filter          jsonb,
    max_attempts    bigint NOT NULL,
    timeout_ms      bigint,
    signed          boolean NOT NULL,
    enabled         boolean NOT NULL DEFAULT true,
    disabled_reason text,
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT inv_endpoint_pkey PRIMARY KEY (endpoint_id),
    CONSTRAINT inv_endpoint_name_key UNIQUE (name)
);
COMMENT ON TABLE @extschema@.inv_endpoint IS
'Where alerts are told, written by inv_add_endpoint() and its like. Read '
'inv_endpoints.';

/* not dumped: who restores a dump somewhere shall not sign in our name */
CREATE TABLE @extschema@.inv_endpoint_secret (
    endpoint_id     bigint NOT NULL,
    secrets         text[],
    "authorization" text,
    CONSTRAINT inv_endpoint_secret_pkey PRIMARY KEY (endpoint_id)
);
COMMENT ON TABLE @extschema@.inv_endpoint_secret IS
'What endpoints are signed with, and the Authorization header. For nobody but '
'the owner; not in a dump.';

/*
 * Not dumped: an endpoint sends only from the database whose oid is here, so
 * neither a restored dump nor a copy of the database sends anything.
 */
CREATE TABLE @extschema@.inv_endpoint_state (
    endpoint_id     bigint NOT NULL,
    database        oid NOT NULL,
    breaker         text NOT NULL DEFAULT 'closed',
    failures        integer NOT NULL DEFAULT 0,
    retry_at        timestamptz,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    last_status     integer,
    last_error      text,
    delivered       bigint NOT NULL DEFAULT 0,
    failed          bigint NOT NULL DEFAULT 0,
    CONSTRAINT inv_endpoint_state_pkey PRIMARY KEY (endpoint_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE @extschema@.inv_endpoint_state IS
'How deliveries to endpoints get on, written by the worker. Read '
'inv_endpoints.';

CREATE TABLE @extschema@.inv_delivery (
    delivery_id     bigint GENERATED ALWAYS AS IDENTITY,
    endpoint_id     bigint NOT NULL,
    alert_id        bigint NOT NULL,
    event_id        uuid NOT NULL,
    sku             text COLLATE "C" NOT NULL,
    event           text NOT NULL,
    state           text COLLATE "C" NOT NULL DEFAULT 'pending',
    attempts        integer NOT NULL DEFAULT 0,
    next_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    decided_at      timestamptz,
    last_status     integer,
    last_error      text,
    CONSTRAINT inv_delivery_pkey PRIMARY KEY (delivery_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE @extschema@.inv_delivery IS
'One alert to be told to one endpoint, or told, written by the worker. Read '
'inv_deliveries.';


-- --------------------------------------------------------------- indexes

/* the last alert of a stock row; and those that nobody has looked at */
CREATE INDEX inv_alert_stock_idx ON @extschema@.inv_alert (stock_id, alert_id);
CREATE INDEX inv_alert_pending_idx ON @extschema@.inv_alert (alert_id)
    WHERE pending;

/*
 * for inv_expire_holds: open holds whose time is over, those to be kept apart,
 * and those that wait to reacquire
 */
CREATE INDEX inv_hold_expires_at_idx ON @extschema@.inv_hold
    (state, (on_expiry OPERATOR(pg_catalog.=) 'keep'), expires_at)
    WHERE decided_at IS NULL;

/* the holds on a stock row */
CREATE INDEX inv_hold_line_stock_idx ON @extschema@.inv_hold_line (stock_id)
    WHERE held IS NOT NULL;

/*
 * for the worker: what is due, what is pending of each SKU in order, and what is
 * to be told again, which is nothing most of the time
 */
CREATE INDEX inv_delivery_due_idx ON @extschema@.inv_delivery
    (endpoint_id, next_at)
    WHERE state OPERATOR(pg_catalog.=) 'pending'
      AND next_at OPERATOR(pg_catalog.>) '-infinity'
      AND next_at OPERATOR(pg_catalog.<) 'infinity';
CREATE INDEX inv_delivery_again_idx ON @extschema@.inv_delivery
    (endpoint_id, sku)
    WHERE state OPERATOR(pg_catalog.=) 'pending'
      AND next_at OPERATOR(pg_catalog.=) '-infinity';
CREATE INDEX inv_delivery_order_idx ON @extschema@.inv_delivery
    (endpoint_id, sku, delivery_id)
    WHERE state OPERATOR(pg_catalog.=) 'pending';

/* for the hint that names a SKU which differs by case or blanks only */
CREATE INDEX inv_item_folded_sku_idx ON @extschema@.inv_item
    (pg_catalog.lower(pg_catalog.replace(sku, ' ', '')));

/* for inv_key_guard: deleting an item looks for bundles that contain it */
CREATE INDEX inv_bundle_component_idx ON @extschema@.inv_bundle
    (component_sku);

/* for inv_key_guard: deleting a location looks for its stock rows */
CREATE INDEX inv_stock_location_idx ON @extschema@.inv_stock (location);


-- ------------------------------------------------- functions: the calls

/*
 * In every call: location null is the setting inventory.default_location;
 * quantity is 1 to 2^53 - 1 in the smallest unit of the item; reference, the
 * caller's name for the business event, has at most 255 bytes, reason at most
 * 1000, key 1 to 255.
 */

CREATE FUNCTION @extschema@.inv_receive(
    sku         text,
    quantity    bigint,
    location    text DEFAULT NULL,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    occurred_at timestamptz DEFAULT NULL
) RETURNS @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_receive'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_receive(
    text, bigint, text, text, text, text, timestamptz) IS
'Puts quantity units of sku on the books at location (null: the setting '
'inventory.default_location) and answers the stock as it then stands. An '
'inactive item may still be received. quantity: 1 to 2^53 - 1, in the '
'smallest unit of the item. reference: the caller''s name for the business '
'event, at most 255 bytes; reason: free text, at most 1000 bytes. key: at '
'most 255 bytes; a second call with the same key and arguments is answered '
'like the first and has no effect. occurred_at: null, or later than now, is '
'now. Errors: IV003 unknown item, IV005 unknown location, IV007 key used with '
'other arguments, 22004 and 22023 bad argument, 22003 more than 2^53 - 1 on '
'hand, 25006 read-only, 40001 and 40P01 (retry).';

CREATE FUNCTION @extschema@.inv_deduct(
    sku         text,
    quantity    bigint,
    location    text DEFAULT NULL,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    strict      boolean DEFAULT true,
    keep        bigint DEFAULT NULL,
    expected_version bigint DEFAULT NULL,
    occurred_at timestamptz DEFAULT NULL
) RETURNS @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_deduct'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_deduct(
    text, bigint, text, text, text, text, boolean, bigint, bigint,
    timestamptz) IS
'Takes quantity units of sku off the books at location (null: the setting '
'inventory.default_location) if that many are available, else changes '
'nothing; never oversells, whatever runs at the same time. strict: true '
'raises a refusal, false answers it as the status and leaves the transaction '
'usable. keep: refuse unless so many would be left, even above the floor. '
'expected_version: refuse unless the stock row is at this version. quantity: '
'1 to 2^53 - 1. reference: at most 255 bytes; reason: at most 1000 bytes. key: '
'at most 255 bytes; a second call with the same key and arguments is answered '
'like the first and has no effect. occurred_at: null, or later than now, is '
'now. Errors: IV001 insufficient stock, IV002 version conflict, IV003 unknown '
'item, IV004 inactive item, IV005 unknown location (these only when strict), '
'IV007 key used with other arguments, 22004 and 22023 bad argument, 22003 '
'overflow, 25006 read-only, 40001 and 40P01 (retry). The DETAIL of a refusal '
'is one JSON object.';

CREATE FUNCTION @extschema@.inv_adjust(
    sku         text,
    counted     bigint,
    location    text DEFAULT NULL,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    strict      boolean DEFAULT true,
    expected_version bigint DEFAULT NULL,
    counted_at  timestamptz DEFAULT NULL
) RETURNS @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_adjust'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_adjust(
    text, bigint, text, text, text, text, boolean, bigint, timestamptz) IS
'Sets the books right after a count: counted units (0 to 2^53 - 1) were on the '
'shelf at counted_at (null, or later than now: now). What moved since then '
'stays as it is: the books change by the difference to the level of that time. '
'May leave less than nothing available: the shelf is right. Always writes a '
'movement, also when nothing differs. The other arguments and the errors are '
'those of inv_deduct, without IV001 and IV004.';

CREATE FUNCTION @extschema@.inv_transfer(
    sku         text,
    quantity    bigint,
    from_location text,
    to_location text,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    strict      boolean DEFAULT true,
    keep        bigint DEFAULT NULL
) RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_transfer'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.inv_transfer(
    text, bigint, text, text, text, text, text, boolean, bigint) IS
'Moves quantity units of sku between two locations, if that many are available '
'where they come from; inactive items too. Two rows: the stock where they come '
'from, then where they go to. The other arguments and the errors are those of '
'inv_deduct, without IV002 and IV004; 22023 also when both locations are the '
'same.';

CREATE FUNCTION @extschema@.inv_return(
    of_key      text,
    quantity    bigint DEFAULT NULL,
    sku         text DEFAULT NULL,
    location    text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL
) RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_return'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.inv_return(
    text, bigint, text, text, text, text) IS
'Gives back what the call with the key of_key deducted, never more than that '
'over all returns. quantity: null is all that is left to give back. sku: null '
'is everything that call took. location: null is where it was taken from. One '
'row per stock row given back to, with the reference of the original call. key: '
'of this call. Errors: IV005 unknown location, IV007 key used with other '
'arguments, IV008 no such call, IV009 more than is left to give back, 22004 '
'and 22023 bad argument, 25006 read-only, 40001 and 40P01 (retry).';

CREATE FUNCTION @extschema@.inv_deduct_many(
    skus        text[],
    quantities  bigint[],
    locations   text[] DEFAULT NULL,
    sources     text[] DEFAULT NULL,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    strict      boolean DEFAULT true,
    occurred_at timestamptz DEFAULT NULL
) RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_deduct_many'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_deduct_many(
    text[], bigint[], text[], text[], text, text, text, boolean,
    timestamptz) IS
'Takes all lines of an order off the books, or none: quantities[n] units of '
'skus[n]. One row per line, in the order of the lines; if a line is refused '
'the others are not_applied. Lines of one stock row are summed before the '
'check and have one movement. locations: null is the setting '
'inventory.default_location, one element is for all lines, else one for each. '
'sources: choose from these locations instead, the preferred one first; empty: '
'from the sellable ones by priority. The first that has enough is taken, else '
'the line is split: one row per line and location; backorders are used last. '
'A bundle takes its components and has one row. At most inventory.max_lines '
'lines. The other arguments and the errors are those of inv_deduct; what '
'concerns one line names it.';

CREATE FUNCTION @extschema@.inv_receive_many(
    skus        text[],
    quantities  bigint[],
    locations   text[] DEFAULT NULL,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    occurred_at timestamptz DEFAULT NULL
) RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_receive_many'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_receive_many(
    text[], bigint[], text[], text, text, text, timestamptz) IS
'Puts quantities[n] units of skus[n] on the books, all lines or none. One row '
'per line; lines of one stock row are summed and have one movement. locations: '
'as of inv_deduct_many. The other arguments and the errors are those of '
'inv_receive.';

CREATE FUNCTION @extschema@.inv_adjust_many(
    skus        text[],
    counted     bigint[],
    locations   text[] DEFAULT NULL,
    reference   text DEFAULT NULL,
    reason      text DEFAULT NULL,
    key         text DEFAULT NULL,
    strict      boolean DEFAULT true,
    counted_at  timestamptz DEFAULT NULL
) RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_adjust_many'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_adjust_many(
    text[], bigint[], text[], text, text, text, boolean, timestamptz) IS
'Sets the books right after a stocktake: counted[n] units of skus[n] were on '
'the shelf. All lines or none, one row per line. A stock row that is there '
'twice was counted in two places: the counts are added up. locations: as of '
'inv_deduct_many. The other arguments and the errors are those of inv_adjust.';

CREATE FUNCTION @extschema@.inv_deduct_each(
    skus        text[],
    quantities  bigint[],
    locations   text[] DEFAULT NULL,
    keys        text[] DEFAULT NULL,
    line_references text[] DEFAULT NULL,
    reason      text DEFAULT NULL
) RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_deduct_each'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.inv_deduct_each(
    text[], bigint[], text[], text[], text[], text) IS
'Each line as if inv_deduct were called for it, not strict, one after another '
'in this transaction: one row, one movement and one version per line, refused '
'lines change nothing and the others are done. keys, line_references: null, or '
'one for each line, null for none. Errors: as of inv_deduct_many; IV007 also if '
'one key is there twice with other arguments.';

CREATE FUNCTION @extschema@.inv_apply(request jsonb)
RETURNS SETOF @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_apply'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_apply(jsonb) IS
'Operations of several kinds, all or none. request is an object: lines, an '
'array; key, reference, reason, occurred_at, strict (true unless said). Each '
'line is an object with op: deduct (sku, quantity; location or sources, an '
'array; keep, expected_version), receive (sku, quantity, location), adjust '
'(sku, counted, location, expected_version; counted at occurred_at), transfer '
'(sku, quantity, from_location, to_location, keep), return (of_key, quantity, '
'sku, location). Null is not given. One row per line, of a transfer two, of a '
'return one per stock row given back to. What one stock row is given and what '
'is taken from it is summed before the check; it has one movement for each '
'kind of operation. Errors: those of the single calls; 22023 also for an '
'unknown operation or field, a missing field, a wrong JSON type.';

CREATE FUNCTION @extschema@.inv_set_limits(
    sku         text,
    location    text DEFAULT NULL,
    safety_stock bigint DEFAULT NULL,
    backorder_limit bigint DEFAULT NULL,
    reorder_point bigint DEFAULT NULL,
    target_level bigint DEFAULT NULL
) RETURNS @extschema@.inv_outcome
AS 'MODULE_PATHNAME', 'inv_set_limits'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_set_limits(
    text, text, bigint, bigint, bigint, bigint) IS
'Gives the stock of sku at location (null: the setting '
'inventory.default_location) limits of its own, 0 to 2^53 - 1 each; it then '
'no longer follows its item. null: that limit stays as it is; all four null: '
'the stock follows its item again. Answers the stock as it then stands; its '
'version stays. Errors: IV003 unknown item, IV005 unknown location, 22004 and '
'22023 bad argument, 25006 read-only, 40001 and 40P01 (retry).';


-- --------------------------------------------- functions: asking and proof

CREATE FUNCTION @extschema@.inv_available(
    sku         text,
    location    text DEFAULT NULL
) RETURNS bigint
AS 'MODULE_PATHNAME', 'inv_available'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.inv_available(text, text) IS
'How many units of sku can be deducted at location (null: the setting '
'inventory.default_location) now: on hand less reserved less the floor; '
'negative after a stocktake that found too little. Errors: IV003 unknown '
'item, IV005 unknown location, 22004 sku is null.';

CREATE FUNCTION @extschema@.inv_history(
    sku         text,
    location    text DEFAULT NULL,
    before_id   bigint DEFAULT NULL,
    max_rows    integer DEFAULT 100
) RETURNS SETOF @extschema@.inv_movement
AS 'MODULE_PATHNAME', 'inv_history'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION @extschema@.inv_history(text, text, bigint, integer) IS
'The movements of sku at location (null: the setting '
'inventory.default_location), the newest first, at most max_rows (1 to '
'100000). For the next page pass the last movement_id as before_id. Errors: '
'IV003 unknown item, IV005 unknown location, 22004 and 22023 bad argument.';

CREATE FUNCTION @extschema@.inv_components(sku text)
RETURNS SETOF @extschema@.inv_component
AS 'MODULE_PATHNAME', 'inv_components'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_components(text) IS
'What the bundle sku consists of in the end: bundles inside it are taken '
'apart. No row if it is no bundle, or contains itself, which calls refuse: the '
'levels of other items are not to fail for one. Errors: 22004 and 22023 bad '
'argument.';

CREATE FUNCTION @extschema@.inv_movements_of(reference text)
RETURNS SETOF @extschema@.inv_movement
AS 'MODULE_PATHNAME', 'inv_movements_of'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_movements_of(text) IS
'The movements with this reference, the oldest first: what an order did, its '
'returns included. Errors: 22004 and 22023 bad argument.';

CREATE FUNCTION @extschema@.inv_verify(
    from_sku    text DEFAULT NULL,
    to_sku      text DEFAULT NULL
) RETURNS SETOF @extschema@.inv_discrepancy
AS 'MODULE_PATHNAME', 'inv_verify'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION @extschema@.inv_verify(text, text) IS
'Compares every stock row with its movements in one snapshot, beside running '
'calls, and answers one row per discrepancy: no row means that all is right. '
'from_sku, to_sku: the range of SKUs to check, both included, in byte order; '
'null: no limit.';

CREATE FUNCTION @extschema@.inv_reorder_list(days integer DEFAULT 28)
RETURNS SETOF @extschema@.inv_reorder
AS 'MODULE_PATHNAME', 'inv_reorder_list'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION @extschema@.inv_reorder_list(integer) IS
'The stock rows whose on_hand - reserved is at their reorder_point or below, '
'of active items at sellable locations, with what to order; the one that lasts '
'shortest at the rate of the last days (1 to 3650) comes first. Errors: 22004 '
'and 22023 bad argument.';


-- ----------------------------------------------------- functions: alerts

CREATE FUNCTION @extschema@.inv_acknowledge(alert_id bigint) RETURNS boolean
AS 'MODULE_PATHNAME', 'inv_acknowledge'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_acknowledge(bigint) IS
'Notes that the caller has seen the alert. true: it was open, and nobody had; '
'false: somebody had, or it is closed. Errors: 22023 no such alert, 22004 and '
'22023 bad argument, 25006 read-only, 40001 (retry).';

CREATE FUNCTION @extschema@.inv_verify_or_fail() RETURNS void
AS 'MODULE_PATHNAME', 'inv_verify_or_fail'
LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.inv_verify_or_fail() IS
'inv_verify() for a scheduler: a WARNING for each of the first 20 '
'discrepancies, then the error XX001 if there is one.';


-- ------------------------------------------------------ functions: holds

CREATE FUNCTION @extschema@.inv_try(
    xid         text,
    skus        text[],
    quantities  bigint[],
    locations   text[] DEFAULT NULL,
    sources     text[] DEFAULT NULL,
    branch      text DEFAULT '',
    ttl_seconds bigint DEFAULT 900,
    on_expiry   text DEFAULT 'release',
    reference   text DEFAULT NULL,
    strict      boolean DEFAULT true
) RETURNS @extschema@.inv_hold_outcome
AS 'MODULE_PATHNAME', 'inv_try'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_try(
    text, text[], bigint[], text[], text[], text, bigint, text, text,
    boolean) IS
'Reserves every line or none, under the name (xid, branch): at most 128 bytes '
'each. skus, quantities, locations and sources are those of inv_deduct_many. '
'After ttl_seconds (1 to 31536000) the hold expires; on_expiry: release gives '
'the stock back, keep never does so by itself, reacquire gives it back and '
'lets inv_confirm take it again if it is still there. The same try again is '
'answered alike and has no effect. strict: true raises a refusal and keeps '
'nothing, false answers it as the status and remembers it. Errors: IV001 '
'insufficient stock, IV003 unknown item, IV004 inactive item, IV005 unknown '
'location (these only when strict), IV012 cancelled, IV013 expired, IV014 '
'tried with other arguments, 22004 and 22023 bad argument, 22003 overflow, '
'25006 read-only, 40001 and 40P01 (retry).';

CREATE FUNCTION @extschema@.inv_confirm(
    xid         text,
    branch      text DEFAULT '',
    quantities  bigint[] DEFAULT NULL,
    release_rest boolean DEFAULT true
) RETURNS @extschema@.inv_hold_outcome
AS 'MODULE_PATHNAME', 'inv_confirm'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_confirm(text, text, bigint[], boolean) IS
'Takes what is held off the books. quantities: for each line of the try how '
'many are taken in all, counted from the first confirm on; null: all. '
'release_rest: true gives the rest back, false keeps it held for a later '
'confirm or cancel. Confirming the same again changes nothing. Errors: IV010 '
'unknown hold, IV012 cancelled, IV013 expired, IV014 confirmed with other '
'quantities, IV015 more than was tried, IV001 and IV004 when an expired hold '
'must take its stock again and cannot, 22004 and 22023 bad argument, 25006 '
'read-only, 40001 and 40P01 (retry).';

CREATE FUNCTION @extschema@.inv_cancel(
    xid         text,
    branch      text DEFAULT ''
) RETURNS @extschema@.inv_hold_outcome
AS 'MODULE_PATHNAME', 'inv_cancel'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_cancel(text, text) IS
'Gives back what is held. Without a try it is remembered all the same, and a '
'try that comes late is refused. A try that is still running is waited for. '
'Errors: IV011 already confirmed, 22004 and 22023 bad argument, 25006 '
'read-only, 40001 and 40P01 (retry).';

CREATE FUNCTION @extschema@.inv_extend(
    xid         text,
    ttl_seconds bigint,
    branch      text DEFAULT ''
) RETURNS @extschema@.inv_hold_outcome
AS 'MODULE_PATHNAME', 'inv_extend'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_extend(text, bigint, text) IS
'Lets a hold expire ttl_seconds (1 to 31536000) from now. Errors: IV010 '
'unknown hold, IV011 confirmed, IV012 cancelled, IV013 expired, 22004 and '
'22023 bad argument, 25006 read-only, 40001 and 40P01 (retry).';

CREATE FUNCTION @extschema@.inv_expire_holds(
    max_holds   bigint DEFAULT 1000
) RETURNS bigint
AS 'MODULE_PATHNAME', 'inv_expire_holds'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_expire_holds(bigint) IS
'Gives back what holds hold whose time is over, the oldest first, at most '
'max_holds (1 to 100000) of them in this transaction, and answers how many. '
'Holds that others are deciding at the moment are left to them. Errors: 22004 '
'and 22023 bad argument, 25006 read-only, 40001 and 40P01 (retry).';


-- -------------------------------------------- functions: administration

CREATE FUNCTION @extschema@.inv_maintain()
RETURNS SETOF @extschema@.inv_maintenance
AS 'MODULE_PATHNAME', 'inv_maintain'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 5;
COMMENT ON FUNCTION @extschema@.inv_maintain() IS
'Calendar work, to be called by cron about once an hour: makes the leaves of '
'the ledger ahead of need, removes keys older than inventory.key_retention, '
'expires up to 10,000 holds, removes holds that were decided longer than '
'inventory.hold_retention ago, and closed alerts older than '
'inventory.alert_retention. One row per task with the number of things it '
'affected.';

CREATE FUNCTION @extschema@.inv_schedule_maintenance()
RETURNS SETOF @extschema@.inv_job
AS 'MODULE_PATHNAME', 'inv_schedule_maintenance'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.inv_schedule_maintenance() IS
'Registers inv_maintain() (every ten minutes) and inv_verify_or_fail() (every '
'night) with pg_cron, as jobs of the owner of the extension; one row per job. '
'Called again it changes nothing. Errors: 55000 where pg_cron is not in this '
'database, with the statements to run where it is in the hint; 25006 '
'read-only.';

CREATE FUNCTION @extschema@.inv_worker_status()
RETURNS SETOF @extschema@.inv_verb_status
AS 'MODULE_PATHNAME', 'inv_worker_status'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4;
COMMENT ON FUNCTION @extschema@.inv_worker_status() IS
'Whether the worker of this database is well, one row for each kind of its '
'work: expire (holds whose time is over), deliver (alerts), housekeeping (what '
'inv_maintain does), heartbeat (of the change stream). hint says what to do '
'where something is missing.';

CREATE FUNCTION @extschema@.inv_grant(role text, level text) RETURNS void
AS 'MODULE_PATHNAME', 'inv_grant'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_grant(text, text) IS
'Grants a role what it needs to be a reader (levels and history), a clerk (a '
'reader who moves stock) or an admin (a clerk who edits items, locations and '
'limits). Errors: 22004 and 22023 bad argument, 42704 no such role.';

CREATE FUNCTION @extschema@.inv_revoke(role text, level text) RETURNS void
AS 'MODULE_PATHNAME', 'inv_revoke'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_revoke(text, text) IS
'Takes from a role what a level adds, and what the levels above it add. '
'Errors: as of inv_grant.';


-- ------------------------------------------- functions: change stream

CREATE FUNCTION @extschema@.inv_stream_create(name text)
RETURNS SETOF @extschema@.inv_stream
AS 'MODULE_PATHNAME', 'inv_stream_create'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.inv_stream_create(text) IS
'Makes a replication slot of that name with the output plugin inventory, which '
'survives a failover where the server can do that (17 and later), and answers '
'it with the position at which it begins. The caller needs REPLICATION, as for '
'pg_create_logical_replication_slot(). The slot keeps the log of the server '
'until it is read, or dropped with pg_drop_replication_slot(). Errors: 55000 '
'wal_level or output_plugin_libraries, 42710 the name is taken, 53400 no slot '
'is free, 42602 a bad name, 42501 not allowed, 25006 on a standby, 25001 in a '
'transaction that has written, 22004 and 22023 bad argument.';

CREATE FUNCTION @extschema@.inv_stream_status()
RETURNS SETOF @extschema@.inv_stream_state
AS 'MODULE_PATHNAME', 'inv_stream_status'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 2;
COMMENT ON FUNCTION @extschema@.inv_stream_status() IS
'The slots of this database with the output plugin inventory, one row each: who '
'reads them, how late, how much log is kept for them, and what to do.';

CREATE FUNCTION @extschema@.inv_changes_since(
    cursor      text,
    max_rows    integer DEFAULT 1000
) RETURNS SETOF @extschema@.inv_change
AS 'MODULE_PATHNAME', 'inv_changes_since'
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 1000;
COMMENT ON FUNCTION @extschema@.inv_changes_since(text, integer) IS
'The movements after cursor (null: from the first one), at most max_rows (1 to '
'100000), in the order of movement_id: each one once, and none is left out that '
'a transaction commits later. To go on, pass the cursor of the last row. If '
'there is nothing there is one row that has a cursor and is null otherwise. A '
'movement comes when all transactions of the server that were under way with it '
'have ended, as a rule with the second call after its commit at the latest. '
'Errors: IV016 the ledger does not have the movement of the cursor (it was set '
'back), 22004 and 22023 bad argument.';

CREATE FUNCTION @extschema@.inv_changes_end() RETURNS text
AS 'MODULE_PATHNAME', 'inv_changes_end'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_changes_end() IS
'A cursor for inv_changes_since() after all that is committed; waits for the '
'transactions that are moving stock. Whoever reads levels after it has what '
'came before, and may meet some of what comes after it twice: the version '
'tells. Errors: 25001 in a transaction that has written, 25006 on a standby, '
'55P03 if it waits longer than lock_timeout.';


-- ------------------------------------------------ functions: endpoints

CREATE FUNCTION @extschema@.inv_add_endpoint(
    name            text,
    url             text,
    format          text DEFAULT 'standard',
    secrets         text[] DEFAULT NULL,
    events          text[] DEFAULT NULL,
    filter          jsonb DEFAULT NULL,
    "authorization" text DEFAULT NULL,
    max_attempts    bigint DEFAULT 20,
    timeout_ms      bigint DEFAULT NULL
) RETURNS bigint
AS 'MODULE_PATHNAME', 'inv_add_endpoint'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_add_endpoint(
    text, text, text, text[], text[], jsonb, text, bigint, bigint) IS
'Lets the worker tell alerts to url, and answers the endpoint''s id. format: '
'standard (Standard Webhooks), alertmanager (the base URL of a Prometheus '
'Alertmanager) or cloudevents. secrets: up to 4 of whsec_ and base64, each '
'signs; null makes one for standard, {} signs nothing. events: of low, out, '
'short, recovered, null or {} is all. filter: {"skus": [], "locations": [], '
'"attributes": {}}, null is everything. authorization: that header. '
'max_attempts: 1 to 100. timeout_ms: null is inventory.webhook_timeout. '
'Errors: 22004 and 22023 bad argument, 25006 read-only.';

CREATE FUNCTION @extschema@.inv_change_endpoint(
    name            text,
    url             text DEFAULT NULL,
    format          text DEFAULT NULL,
    secrets         text[] DEFAULT NULL,
    events          text[] DEFAULT NULL,
    filter          jsonb DEFAULT NULL,
    "authorization" text DEFAULT NULL,
    max_attempts    bigint DEFAULT NULL,
    timeout_ms      bigint DEFAULT NULL
) RETURNS void
AS 'MODULE_PATHNAME', 'inv_change_endpoint'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_change_endpoint(
    text, text, text, text[], text[], jsonb, text, bigint, bigint) IS
'Changes what is given of an endpoint; null leaves it, an empty authorization '
'takes it away. Errors: as of inv_add_endpoint.';

CREATE FUNCTION @extschema@.inv_enable_endpoint(name text) RETURNS void
AS 'MODULE_PATHNAME', 'inv_enable_endpoint'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_enable_endpoint(text) IS
'Lets an endpoint be told again, from this database. Errors: 22004 and 22023 '
'bad argument, 25006 read-only.';

CREATE FUNCTION @extschema@.inv_disable_endpoint(name text) RETURNS void
AS 'MODULE_PATHNAME', 'inv_disable_endpoint'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_disable_endpoint(text) IS
'Lets an endpoint be told nothing more: what is pending waits, later alerts '
'are not for it. Errors: as of inv_enable_endpoint.';

CREATE FUNCTION @extschema@.inv_remove_endpoint(name text) RETURNS void
AS 'MODULE_PATHNAME', 'inv_remove_endpoint'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_remove_endpoint(text) IS
'Removes an endpoint with its deliveries. Errors: as of inv_enable_endpoint.';

CREATE FUNCTION @extschema@.inv_endpoints_enable() RETURNS bigint
AS 'MODULE_PATHNAME', 'inv_endpoints_enable'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_endpoints_enable() IS
'Lets all endpoints that are switched on be told from this database, which '
'they are not in a restored dump or a copied database, and answers how many. '
'Those whose secrets did not come along stay silent until they are set. Errors: '
'25006 read-only.';

CREATE FUNCTION @extschema@.inv_test_endpoint(
    name            text,
    OUT ok          boolean,
    OUT status      integer,
    OUT milliseconds bigint,
    OUT error       text
) RETURNS record
AS 'MODULE_PATHNAME', 'inv_test_endpoint'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_test_endpoint(text) IS
'Sends a test event to an endpoint at once, from this session, and answers '
'what came of it: ok if the HTTP status is 2xx; error if there was no answer. '
'Errors: 22004 and 22023 bad argument.';

CREATE FUNCTION @extschema@.inv_redeliver(
    endpoint        text,
    delivery_id     bigint DEFAULT NULL,
    since           timestamptz DEFAULT NULL
) RETURNS bigint
AS 'MODULE_PATHNAME', 'inv_redeliver'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.inv_redeliver(text, bigint, timestamptz) IS
'Lets deliveries be made again, under the same webhook-id, and answers how '
'many: the one named, dead or delivered; or all dead ones of the endpoint '
'since then, null is ever. Errors: 22004 and 22023 bad argument, 25006 '
'read-only.';


-- -------------------------------------------------- functions: triggers

CREATE FUNCTION @extschema@.inv_item_touch() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_item_touch' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_item_touch() IS
'Trigger: counts the version of an item and keeps updated_at.';

CREATE FUNCTION @extschema@.inv_item_follow() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_item_follow' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_item_follow() IS
'Trigger: brings a changed item to its stock rows.';

CREATE FUNCTION @extschema@.inv_location_follow() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_location_follow' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_location_follow() IS
'Trigger: decides anew on the alerts of stock at a location that was opened or '
'closed.';

CREATE FUNCTION @extschema@.inv_key_guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_key_guard' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_key_guard() IS
'Trigger: keeps items and locations that have stock, under their names '
'(23503).';

CREATE FUNCTION @extschema@.inv_bundle_guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_bundle_guard' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_bundle_guard() IS
'Trigger: refuses a bundle that has stock or would contain itself (23514).';

CREATE FUNCTION @extschema@.inv_refuse_truncate() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_refuse_truncate' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_refuse_truncate() IS
'Trigger: refuses to truncate what stock may refer to (0A000).';

CREATE FUNCTION @extschema@.inv_refuse_dml() RETURNS trigger
AS 'MODULE_PATHNAME', 'inv_refuse_dml' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.inv_refuse_dml() IS
'Trigger: refuses to change what only the functions may write (42501).';


-- ----------------------------------------------------------------- views

CREATE VIEW @extschema@.inv_stock_level AS
SELECT s.sku,
       s.location,
       s.on_hand,
       s.reserved,
       s.safety_stock,
       s.backorder_limit,
       s.safety_stock OPERATOR(pg_catalog.-) s.backorder_limit AS floor,
       s.on_hand OPERATOR(pg_catalog.-) s.reserved
           OPERATOR(pg_catalog.-) s.safety_stock
           OPERATOR(pg_catalog.+) s.backorder_limit AS available,
       s.reorder_point,
       s.target_level,
       s.version,
       s.active,
       s.hot
FROM @extschema@.inv_stock s;
COMMENT ON VIEW @extschema@.inv_stock_level IS
'The stock of every (sku, location): on hand, reserved, the floor that is '
'never sold below (safety_stock - backorder_limit) and what is available '
'(on_hand - reserved - floor).';


CREATE VIEW @extschema@.inv_item_level AS
WITH components AS (
    SELECT b.sku AS bundle, c.component_sku COLLATE "C" AS sku,
           c.quantity::pg_catalog.numeric AS units
      FROM (SELECT DISTINCT sku FROM @extschema@.inv_bundle) b
     CROSS JOIN LATERAL @extschema@.inv_components(b.sku) c
),
complete AS (
    SELECT c.bundle, l.location,
           pg_catalog.min(pg_catalog.floor(
               coalesce(s.on_hand, 0) OPERATOR(pg_catalog./) c.units))
               AS on_hand,
           pg_catalog.min(pg_catalog.floor(
               coalesce(s.on_hand OPERATOR(pg_catalog.-) s.reserved
                   OPERATOR(pg_catalog.-) s.safety_stock
                   OPERATOR(pg_catalog.+) s.backorder_limit,
                   i.backorder_limit OPERATOR(pg_catalog.-) i.safety_stock, 0)
               OPERATOR(pg_catalog./) c.units)) AS available
      FROM components c
     CROSS JOIN @extschema@.inv_location l
      LEFT JOIN @extschema@.inv_item i
        ON i.sku OPERATOR(pg_catalog.=) c.sku
      LEFT JOIN @extschema@.inv_stock s
        ON s.sku OPERATOR(pg_catalog.=) c.sku
       AND s.location OPERATOR(pg_catalog.=) l.location
     WHERE l.sellable
     GROUP BY c.bundle, l.location
)
SELECT i.sku,
       coalesce(pg_catalog.sum(s.on_hand), 0)::pg_catalog.int8 AS on_hand,
       coalesce(pg_catalog.sum(s.reserved), 0)::pg_catalog.int8 AS reserved,
       coalesce(pg_catalog.sum(s.on_hand OPERATOR(pg_catalog.-) s.reserved
           OPERATOR(pg_catalog.-) s.safety_stock
           OPERATOR(pg_catalog.+) s.backorder_limit), 0)::pg_catalog.int8
           AS available,
       i.active,
       false AS bundle
  FROM @extschema@.inv_item i
  LEFT JOIN (@extschema@.inv_stock s
             JOIN @extschema@.inv_location l
               ON l.location OPERATOR(pg_catalog.=) s.location AND l.sellable)
    ON s.sku OPERATOR(pg_catalog.=) i.sku
 WHERE NOT EXISTS (SELECT FROM @extschema@.inv_bundle b
                    WHERE b.sku OPERATOR(pg_catalog.=) i.sku)
 GROUP BY i.sku, i.active
UNION ALL
SELECT i.sku,
       coalesce(pg_catalog.sum(c.on_hand), 0)::pg_catalog.int8,
       NULL,
       coalesce(pg_catalog.sum(c.available), 0)::pg_catalog.int8,
       i.active,
       true
  FROM @extschema@.inv_item i
  LEFT JOIN complete c ON c.bundle OPERATOR(pg_catalog.=) i.sku
 WHERE EXISTS (SELECT FROM @extschema@.inv_bundle b
                WHERE b.sku OPERATOR(pg_catalog.=) i.sku)
 GROUP BY i.sku, i.active;
COMMENT ON VIEW @extschema@.inv_item_level IS
'The stock of every item, summed over its sellable locations. Of a bundle: '
'how many complete ones the stock of its components makes at each sellable '
'location, summed; reserved is null.';

CREATE VIEW @extschema@.inv_open_holds AS
SELECT h.xid, h.branch, h.state, h.on_expiry, h.owner, h.reference,
       h.created_at,
       pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) h.created_at AS age,
       h.expires_at,
       h.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()
           AS overdue,
       l.lines, l.units, l.value, l.currency
  FROM @extschema@.inv_hold h
 CROSS JOIN LATERAL (
    SELECT pg_catalog.count(DISTINCT l.line) AS lines,
           pg_catalog.sum(coalesce(l.held, 0)) AS units,
           CASE WHEN pg_catalog.count(i.unit_price)
                    OPERATOR(pg_catalog.=) pg_catalog.count(*)
                 AND pg_catalog.count(DISTINCT coalesce(i.currency, ''))
                    OPERATOR(pg_catalog.=) 1
                THEN pg_catalog.sum(i.unit_price OPERATOR(pg_catalog.*)
                                    coalesce(l.held, 0)::pg_catalog.numeric)
           END AS value,
           CASE WHEN pg_catalog.count(DISTINCT coalesce(i.currency, ''))
                    OPERATOR(pg_catalog.=) 1
                THEN pg_catalog.min(i.currency)
           END AS currency
      FROM @extschema@.inv_hold_line l
      LEFT JOIN @extschema@.inv_item i ON i.sku OPERATOR(pg_catalog.=) l.sku
     WHERE l.hold_id OPERATOR(pg_catalog.=) h.hold_id) l
 WHERE h.decided_at IS NULL;
COMMENT ON VIEW @extschema@.inv_open_holds IS
'The holds that are not decided. state: held, or expired if it has given its '
'stock back and may reacquire it. lines: of the try; units: held, of all lines; '
'value: at today''s prices, null where an item has none or currencies differ. '
'overdue: its time is over; with on_expiry keep it stays '
'so until somebody decides, others expire with the next sweep.';

CREATE VIEW @extschema@.inv_open_alerts AS
SELECT a.alert_id, a.kind, s.sku, s.location, s.on_hand, s.reserved,
       s.on_hand OPERATOR(pg_catalog.-) s.reserved
           OPERATOR(pg_catalog.-) s.safety_stock
           OPERATOR(pg_catalog.+) s.backorder_limit AS available,
       a.threshold, a.raised_at,
       pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.raised_at AS age,
       a.acknowledged_at, a.acknowledged_by
  FROM @extschema@.inv_stock s
 CROSS JOIN LATERAL (
    SELECT l.* FROM @extschema@.inv_alert l
     WHERE l.stock_id OPERATOR(pg_catalog.=) s.stock_id
     ORDER BY l.alert_id DESC LIMIT 1) a
 WHERE s.alert_state OPERATOR(pg_catalog.<>) 0::pg_catalog.int2;
COMMENT ON VIEW @extschema@.inv_open_alerts IS
'The last alert of each stock row that is low, out or short. on_hand, reserved '
'and available are those of now; threshold, raised_at and age those of the '
'alert.';

CREATE VIEW @extschema@.inv_alert_log AS
SELECT alert_id, event_id, kind, previous, sku, location, on_hand, reserved,
       available, threshold, reorder_point, target_level, actor, raised_at,
       acknowledged_at, acknowledged_by
  FROM @extschema@.inv_alert;
COMMENT ON VIEW @extschema@.inv_alert_log IS
'All alerts that are kept, see inv_alert; the numbers are those of when they '
'were raised. event_id: the name under which receivers are told.';

CREATE VIEW @extschema@.inv_daily_movements AS
SELECT m.sku, m.occurred_at::pg_catalog.date AS day,
       coalesce(pg_catalog.sum(m.on_hand_delta) FILTER (
           WHERE m.kind OPERATOR(pg_catalog.=) 'receive'), 0) AS received,
       coalesce(OPERATOR(pg_catalog.-) pg_catalog.sum(m.on_hand_delta) FILTER (
           WHERE m.kind OPERATOR(pg_catalog.=) ANY ('{deduct,confirm}')), 0)
           AS sold,
       coalesce(pg_catalog.sum(m.on_hand_delta) FILTER (
           WHERE m.kind OPERATOR(pg_catalog.=) 'return'), 0) AS returned,
       coalesce(pg_catalog.sum(m.on_hand_delta) FILTER (
           WHERE m.kind OPERATOR(pg_catalog.=) 'adjust'), 0) AS adjusted,
       coalesce(pg_catalog.sum(m.on_hand_delta) FILTER (
           WHERE m.kind OPERATOR(pg_catalog.=) 'transfer'
             AND m.on_hand_delta OPERATOR(pg_catalog.>) 0), 0) AS transferred
  FROM @extschema@.inv_movement m
 WHERE m.on_hand_delta OPERATOR(pg_catalog.<>) 0
 GROUP BY m.sku, m.occurred_at::pg_catalog.date;
COMMENT ON VIEW @extschema@.inv_daily_movements IS
'Units that came and went per SKU and day, over all locations. day: of '
'occurred_at in the time zone of the session. sold: deducted, and confirmed of '
'holds, before returns; adjusted: what counts found more or less; transferred: '
'from one location to another.';

CREATE VIEW @extschema@.inv_turnover AS
WITH period AS (
    SELECT pg_catalog.clock_timestamp()
           OPERATOR(pg_catalog.-) '365 days'::pg_catalog.interval AS start
),
ledger AS (
    SELECT m.sku,
           OPERATOR(pg_catalog.-) coalesce(pg_catalog.sum(m.on_hand_delta)
               FILTER (WHERE m.kind OPERATOR(pg_catalog.=)
                             ANY ('{deduct,confirm,return}')), 0) AS sold,
           pg_catalog.sum(m.on_hand_delta OPERATOR(pg_catalog.*)
               EXTRACT(epoch FROM m.recorded_at
                       OPERATOR(pg_catalog.-) p.start)
               OPERATOR(pg_catalog./) 31536000) AS before
      FROM @extschema@.inv_movement m CROSS JOIN period p
     WHERE m.recorded_at OPERATOR(pg_catalog.>) p.start
       AND m.on_hand_delta OPERATOR(pg_catalog.<>) 0
     GROUP BY m.sku
),
stock AS (
    SELECT sku, pg_catalog.sum(on_hand) AS on_hand
      FROM @extschema@.inv_stock GROUP BY sku
),
average AS (
    SELECT s.sku, coalesce(l.sold, 0) AS sold,
           s.on_hand OPERATOR(pg_catalog.-) coalesce(l.before, 0) AS on_hand
      FROM stock s LEFT JOIN ledger l ON l.sku OPERATOR(pg_catalog.=) s.sku
)
SELECT sku, sold, pg_catalog.round(on_hand, 2) AS average_on_hand,
       CASE WHEN on_hand OPERATOR(pg_catalog.>) 0
            THEN pg_catalog.round(sold OPERATOR(pg_catalog./) on_hand, 2)
       END AS turnover,
       CASE WHEN sold OPERATOR(pg_catalog.>) 0
            THEN pg_catalog.round(on_hand OPERATOR(pg_catalog.*) 365
                                  OPERATOR(pg_catalog./) sold, 2)
       END AS days_of_stock
  FROM average;
COMMENT ON VIEW @extschema@.inv_turnover IS
'How often stock is turned over, per SKU and over all locations. sold: '
'deducted, and confirmed of holds, less returned, in the last 365 days (by '
'recorded_at). average_on_hand: over those 365 days, weighted by time; a day '
'before the first receipt counts as 0, for sales too. turnover: sold / '
'average_on_hand; days_of_stock: 365 * average_on_hand / sold; null where that '
'says nothing.';

CREATE VIEW @extschema@.inv_dead_stock AS
SELECT s.sku, s.location, s.on_hand, m.recorded_at AS last_sold_at,
       s.on_hand::pg_catalog.numeric OPERATOR(pg_catalog.*) i.unit_price
           AS value
  FROM @extschema@.inv_stock s
  LEFT JOIN @extschema@.inv_item i ON i.sku OPERATOR(pg_catalog.=) s.sku
  LEFT JOIN LATERAL (
    SELECT l.recorded_at FROM @extschema@.inv_movement l
     WHERE l.stock_id OPERATOR(pg_catalog.=) s.stock_id
       AND l.kind OPERATOR(pg_catalog.=) ANY ('{deduct,confirm}')
       AND l.on_hand_delta OPERATOR(pg_catalog.<) 0
     ORDER BY l.movement_id DESC LIMIT 1) m ON true
 WHERE s.on_hand OPERATOR(pg_catalog.>) 0
   AND (m.recorded_at IS NULL
        OR m.recorded_at OPERATOR(pg_catalog.<=) (
            pg_catalog.clock_timestamp()
            OPERATOR(pg_catalog.-) '90 days'::pg_catalog.interval));
COMMENT ON VIEW @extschema@.inv_dead_stock IS
'Stock on hand of which nothing was sold (deducted, or confirmed of a hold) for '
'90 days. last_sold_at: null: never. value: at today''s price, null where the '
'item has none.';

CREATE VIEW @extschema@.inv_stock_value AS
SELECT s.location, i.currency, pg_catalog.sum(s.on_hand) AS units,
       CASE WHEN pg_catalog.count(i.unit_price)
                OPERATOR(pg_catalog.=) pg_catalog.count(*)
            THEN pg_catalog.sum(i.unit_price OPERATOR(pg_catalog.*)
                                s.on_hand::pg_catalog.numeric)
       END AS value
  FROM @extschema@.inv_stock s
  LEFT JOIN @extschema@.inv_item i ON i.sku OPERATOR(pg_catalog.=) s.sku
 WHERE s.on_hand OPERATOR(pg_catalog.<>) 0
 GROUP BY s.location, i.currency;
COMMENT ON VIEW @extschema@.inv_stock_value IS
'What is on hand per location and currency, backordered units counted as owed. '
'value: the sum of on_hand * unit_price at today''s prices, null where an item '
'has none.';


CREATE VIEW @extschema@.inv_endpoints AS
SELECT e.name,
       pg_catalog.regexp_replace(e.url, '(://[^/?#]*)[/?#].+', '\1/...') AS url,
       e.format, e.events, e.filter, e.signed, e.max_attempts, e.timeout_ms,
       e.enabled,
       CASE WHEN NOT e.enabled THEN e.disabled_reason
            WHEN t.endpoint_id IS NULL OR d.oid OPERATOR(pg_catalog.<>) t.database
            THEN 'restored or copied: call inv_endpoints_enable()'
            WHEN e.signed AND s.secrets IS NULL
            THEN 'its secrets are missing: set them with inv_change_endpoint()'
       END AS off_because,
       CASE WHEN t.breaker OPERATOR(pg_catalog.=) 'open'
             AND t.retry_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()
            THEN 'half-open' ELSE t.breaker END AS breaker,
       t.failures, t.retry_at, t.last_success_at, t.last_failure_at,
       t.last_status, t.last_error, t.delivered, t.failed,
       (SELECT pg_catalog.count(*) FROM @extschema@.inv_delivery p
         WHERE p.endpoint_id OPERATOR(pg_catalog.=) e.endpoint_id
           AND p.state OPERATOR(pg_catalog.=) 'pending') AS pending,
       e.created_at, e.updated_at
  FROM @extschema@.inv_endpoint e
  JOIN pg_catalog.pg_database d
    ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
  LEFT JOIN @extschema@.inv_endpoint_state t
    ON t.endpoint_id OPERATOR(pg_catalog.=) e.endpoint_id
  LEFT JOIN @extschema@.inv_endpoint_secret s
    ON s.endpoint_id OPERATOR(pg_catalog.=) e.endpoint_id;
COMMENT ON VIEW @extschema@.inv_endpoints IS
'Where alerts are told, and how that gets on. url: without its path, which '
'may be a secret. off_because: why nothing is sent, null if something is. '
'breaker: closed; open, nothing is sent before retry_at; half-open, one '
'delivery is. delivered and failed count attempts.';

CREATE VIEW @extschema@.inv_deliveries AS
SELECT d.delivery_id, e.name AS endpoint, d.alert_id,
       'evt_' OPERATOR(pg_catalog.||) d.event_id::pg_catalog.text AS webhook_id,
       d.sku, d.event, d.state, d.attempts,
       CASE WHEN d.state OPERATOR(pg_catalog.=) 'pending'
             AND d.next_at OPERATOR(pg_catalog.<) 'infinity'
            THEN d.next_at END AS next_at,
       d.created_at, d.decided_at, d.last_status, d.last_error
  FROM @extschema@.inv_delivery d
  JOIN @extschema@.inv_endpoint e
    ON e.endpoint_id OPERATOR(pg_catalog.=) d.endpoint_id;
COMMENT ON VIEW @extschema@.inv_deliveries IS
'What was or shall be told to whom. state: pending, delivered, or dead: given '
'up after max_attempts, or because the endpoint is gone (410); '
'inv_redeliver() lets it be tried again. next_at: when it is tried, null if it '
'waits for an older one of its SKU.';


-- -------------------------------------------------------------- triggers

CREATE TRIGGER inv_item_touch
    BEFORE UPDATE ON @extschema@.inv_item
    FOR EACH ROW EXECUTE FUNCTION @extschema@.inv_item_touch();

/* per statement: stock rows must be taken in key order */
CREATE TRIGGER inv_item_follow
    AFTER UPDATE ON @extschema@.inv_item
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_item_follow();

/*
 * after, and by what changed: another trigger may change a name that the
 * statement leaves alone, and many programs write names that do not change
 */
CREATE TRIGGER inv_item_guard
    AFTER DELETE ON @extschema@.inv_item
    FOR EACH ROW EXECUTE FUNCTION @extschema@.inv_key_guard();

CREATE TRIGGER inv_item_guard_name
    AFTER UPDATE ON @extschema@.inv_item FOR EACH ROW
    WHEN (OLD.sku OPERATOR(pg_catalog.<>) NEW.sku)
    EXECUTE FUNCTION @extschema@.inv_key_guard();

CREATE TRIGGER inv_item_guard_all
    BEFORE TRUNCATE ON @extschema@.inv_item
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_truncate();

/* only of sellable: but another trigger may change what is not named */
CREATE TRIGGER inv_location_follow
    AFTER UPDATE ON @extschema@.inv_location
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_location_follow();

CREATE TRIGGER inv_location_guard
    AFTER DELETE ON @extschema@.inv_location
    FOR EACH ROW EXECUTE FUNCTION @extschema@.inv_key_guard();

CREATE TRIGGER inv_location_guard_name
    AFTER UPDATE ON @extschema@.inv_location FOR EACH ROW
    WHEN (OLD.location OPERATOR(pg_catalog.<>) NEW.location)
    EXECUTE FUNCTION @extschema@.inv_key_guard();

CREATE TRIGGER inv_location_guard_all
    BEFORE TRUNCATE ON @extschema@.inv_location
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_truncate();

CREATE TRIGGER inv_bundle_guard
    AFTER INSERT OR UPDATE ON @extschema@.inv_bundle
    FOR EACH ROW EXECUTE FUNCTION @extschema@.inv_bundle_guard();

/* the owner may INSERT: a restore copies in */
CREATE TRIGGER inv_stock_guard
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.inv_stock
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_dml();

CREATE TRIGGER inv_request_guard
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.inv_request
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_dml();

CREATE TRIGGER inv_hold_guard
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.inv_hold
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_dml();

CREATE TRIGGER inv_hold_line_guard
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.inv_hold_line
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_dml();

CREATE TRIGGER inv_movement_guard
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.inv_movement
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.inv_refuse_dml();


-- --------------------------------------------------------- dump settings

/*
 * The leaves of inv_movement are ordinary tables, not members of the
 * extension, and are dumped as such.
 */
SELECT pg_catalog.pg_extension_config_dump('inv_item', '');
SELECT pg_catalog.pg_extension_config_dump('inv_location', '');
SELECT pg_catalog.pg_extension_config_dump('inv_bundle', '');
SELECT pg_catalog.pg_extension_config_dump('inv_stock', '');
SELECT pg_catalog.pg_extension_config_dump('inv_stock_stock_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('inv_movement_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('inv_request', '');
SELECT pg_catalog.pg_extension_config_dump('inv_hold', '');
SELECT pg_catalog.pg_extension_config_dump('inv_hold_line', '');
SELECT pg_catalog.pg_extension_config_dump('inv_hold_hold_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('inv_endpoint', '');
SELECT pg_catalog.pg_extension_config_dump('inv_endpoint_endpoint_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('inv_delivery', '');
SELECT pg_catalog.pg_extension_config_dump('inv_delivery_delivery_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('inv_alert', '');
SELECT pg_catalog.pg_extension_config_dump('inv_alert_alert_id_seq', '');


-- ------------------------------------------------------------ privileges

REVOKE ALL ON TYPE
    @extschema@.inv_outcome,
    @extschema@.inv_hold_outcome,
    @extschema@.inv_component,
    @extschema@.inv_maintenance,
    @extschema@.inv_verb_status,
    @extschema@.inv_reorder,
    @extschema@.inv_job,
    @extschema@.inv_stream,
    @extschema@.inv_stream_state,
    @extschema@.inv_change,
    @extschema@.inv_discrepancy
FROM PUBLIC;

REVOKE ALL ON
    @extschema@.inv_item,
    @extschema@.inv_location,
    @extschema@.inv_bundle,
    @extschema@.inv_stock,
    @extschema@.inv_movement,
    @extschema@.inv_request,
    @extschema@.inv_hold,
    @extschema@.inv_hold_line,
    @extschema@.inv_alert,
    @extschema@.inv_stock_level,
    @extschema@.inv_item_level,
    @extschema@.inv_open_holds,
    @extschema@.inv_open_alerts,
    @extschema@.inv_endpoint,
    @extschema@.inv_endpoint_secret,
    @extschema@.inv_endpoint_state,
    @extschema@.inv_delivery,
    @extschema@.inv_endpoints,
    @extschema@.inv_deliveries,
    @extschema@.inv_alert_log,
    @extschema@.inv_daily_movements,
    @extschema@.inv_turnover,
    @extschema@.inv_dead_stock,
    @extschema@.inv_stock_value
FROM PUBLIC;

REVOKE ALL ON SEQUENCE
    @extschema@.inv_stock_stock_id_seq,
    @extschema@.inv_movement_id_seq,
    @extschema@.inv_hold_hold_id_seq,
    @extschema@.inv_alert_alert_id_seq
FROM PUBLIC;

REVOKE ALL ON FUNCTION
    @extschema@.inv_receive(
        text, bigint, text, text, text, text, timestamptz),
    @extschema@.inv_deduct(
        text, bigint, text, text, text, text, boolean, bigint, bigint,
        timestamptz),
    @extschema@.inv_adjust(
        text, bigint, text, text, text, text, boolean, bigint, timestamptz),
    @extschema@.inv_transfer(
        text, bigint, text, text, text, text, text, boolean, bigint),
    @extschema@.inv_return(text, bigint, text, text, text, text),
    @extschema@.inv_deduct_many(
        text[], bigint[], text[], text[], text, text, text, boolean,
        timestamptz),
    @extschema@.inv_receive_many(
        text[], bigint[], text[], text, text, text, timestamptz),
    @extschema@.inv_adjust_many(
        text[], bigint[], text[], text, text, text, boolean, timestamptz),
    @extschema@.inv_deduct_each(
        text[], bigint[], text[], text[], text[], text),
    @extschema@.inv_apply(jsonb),
    @extschema@.inv_try(
        text, text[], bigint[], text[], text[], text, bigint, text, text,
        boolean),
    @extschema@.inv_confirm(text, text, bigint[], boolean),
    @extschema@.inv_cancel(text, text),
    @extschema@.inv_extend(text, bigint, text),
    @extschema@.inv_expire_holds(bigint),
    @extschema@.inv_set_limits(text, text, bigint, bigint, bigint, bigint),
    @extschema@.inv_add_endpoint(
        text, text, text, text[], text[], jsonb, text, bigint, bigint),
    @extschema@.inv_change_endpoint(
        text, text, text, text[], text[], jsonb, text, bigint, bigint),
    @extschema@.inv_enable_endpoint(text),
    @extschema@.inv_disable_endpoint(text),
    @extschema@.inv_remove_endpoint(text),
    @extschema@.inv_endpoints_enable(),
    @extschema@.inv_test_endpoint(text),
    @extschema@.inv_redeliver(text, bigint, timestamptz),
    @extschema@.inv_maintain(),
    @extschema@.inv_schedule_maintenance(),
    @extschema@.inv_worker_status(),
    @extschema@.inv_stream_create(text),
    @extschema@.inv_stream_status(),
    @extschema@.inv_changes_since(text, integer),
    @extschema@.inv_changes_end(),
    @extschema@.inv_grant(text, text),
    @extschema@.inv_revoke(text, text),
    @extschema@.inv_available(text, text),
    @extschema@.inv_history(text, text, bigint, integer),
    @extschema@.inv_components(text),
    @extschema@.inv_movements_of(text),
    @extschema@.inv_verify(text, text),
    @extschema@.inv_reorder_list(integer),
    @extschema@.inv_acknowledge(bigint),
    @extschema@.inv_verify_or_fail(),
    @extschema@.inv_item_touch(),
    @extschema@.inv_item_follow(),
    @extschema@.inv_location_follow(),
    @extschema@.inv_key_guard(),
    @extschema@.inv_bundle_guard(),
    @extschema@.inv_refuse_truncate(),
    @extschema@.inv_refuse_dml()
FROM PUBLIC;
