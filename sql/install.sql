--
-- What CREATE EXTENSION makes, and that nothing of it is for everybody
--
CREATE SCHEMA install;
CREATE EXTENSION inventory SCHEMA install;
SET search_path = install;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- the calls, with their argument names
SELECT p.oid::regprocedure AS function, pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result
  FROM pg_proc p WHERE p.proname IN ('inv_receive', 'inv_deduct', 'inv_available',
    'inv_history', 'inv_verify', 'inv_try', 'inv_confirm', 'inv_cancel', 'inv_extend',
    'inv_expire_holds') AND p.pronamespace = 'install'::regnamespace
  ORDER BY p.proname;
-- the shapes
SELECT a.attrelid::regclass AS type, a.attnum, a.attname, a.atttypid::regtype
  FROM pg_attribute a WHERE a.attrelid IN ('inv_outcome'::regclass,
    'inv_discrepancy'::regclass, 'inv_stock_level'::regclass,
    'inv_hold_outcome'::regclass, 'inv_open_holds'::regclass)
  ORDER BY a.attrelid::regclass::text, a.attnum;
-- the ledger has all its columns from the first version on
SELECT attname, atttypid::regtype FROM pg_attribute
  WHERE attrelid = 'inv_movement'::regclass AND attnum > 0 ORDER BY attnum;
-- the stock row has at least these
SELECT unnest('{stock_id,sku,location,on_hand,reserved,version,safety_stock,
  backorder_limit,reorder_point,target_level,active,hot,folded_epoch,open_epochs,
  folded_to_id}'::text[]) EXCEPT SELECT attname::text FROM pg_attribute
  WHERE attrelid = 'inv_stock'::regclass;
SELECT relname, relkind FROM pg_class
  WHERE relnamespace = 'install'::regnamespace AND relname IN ('inv_item', 'inv_location',
    'inv_stock', 'inv_movement', 'inv_stock_level') ORDER BY relname;

-- leaves, too, are looked at below
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT :outcome FROM inv_receive('A', 10);

CREATE VIEW member AS
  SELECT d.classid, d.objid, i.type, i.identity,
         CASE d.classid WHEN 'pg_class'::regclass THEN (SELECT relname FROM pg_class WHERE oid = d.objid)
                        WHEN 'pg_proc'::regclass THEN (SELECT proname FROM pg_proc WHERE oid = d.objid)
                        WHEN 'pg_type'::regclass THEN (SELECT typname FROM pg_type WHERE oid = d.objid)
         END AS name
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid,
         pg_identify_object(d.classid, d.objid, 0) i
   WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'inventory'
     -- types that come with a table or another type, listed from 17 on, have no rights of their own
     AND NOT (d.classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                                                           WHERE t.oid = d.objid AND (t.typelem <> 0 OR c.relkind <> 'c')));
CREATE VIEW relation AS
  SELECT objid FROM member WHERE classid = 'pg_class'::regclass
  UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = 'inv_movement'::regclass;
SELECT count(*) > 10 AS members, (SELECT count(*) FROM relation) > 7 AS relations FROM member;

-- nothing is granted to PUBLIC: functions, relations, columns, types
SELECT 'function', p.oid::regprocedure::text, a.privilege_type
  FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass,
       aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0
UNION ALL
SELECT 'relation', c.oid::regclass::text, a.privilege_type
  FROM relation r JOIN pg_class c ON c.oid = r.objid,
       aclexplode(c.relacl) a WHERE a.grantee = 0
UNION ALL
SELECT 'column', c.attrelid::regclass || '.' || c.attname, a.privilege_type
  FROM relation r JOIN pg_attribute c ON c.attrelid = r.objid,
       aclexplode(c.attacl) a WHERE a.grantee = 0
UNION ALL
SELECT 'type', t.oid::regtype::text, a.privilege_type
  FROM member m JOIN pg_type t ON t.oid = m.objid AND m.classid = 'pg_type'::regclass,
       aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a WHERE a.grantee = 0
ORDER BY 1, 2, 3;

-- every name is ours
SELECT type, identity FROM member WHERE name !~ '^inv_' OR name IS NULL AND type NOT IN ('trigger');
-- one name, one function
SELECT name FROM member WHERE type = 'function' GROUP BY name HAVING count(*) > 1;
-- every function says what it does, every table and view too
SELECT type, identity FROM member
  WHERE type IN ('function', 'table', 'view', 'type', 'composite type')
    AND obj_description(objid, classid::regclass::name) IS NULL ORDER BY 1, 2;
-- the script holds no procedural body, and what runs as owner pins its path
SELECT p.oid::regprocedure, l.lanname FROM member m JOIN pg_proc p ON p.oid = m.objid
    AND m.classid = 'pg_proc'::regclass JOIN pg_language l ON l.oid = p.prolang
  WHERE l.lanname NOT IN ('c', 'sql');
SELECT p.oid::regprocedure, p.proconfig FROM member m JOIN pg_proc p ON p.oid = m.objid
    AND m.classid = 'pg_proc'::regclass
  WHERE p.prosecdef AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false);
-- what writes is volatile and runs in no parallel worker; what reads is stable
SELECT p.proname, p.provolatile, p.proparallel FROM pg_proc p
  WHERE p.proname IN ('inv_receive', 'inv_deduct', 'inv_available', 'inv_history', 'inv_verify')
    AND p.pronamespace = 'install'::regnamespace ORDER BY p.proname;
-- every table and sequence of ours is in a dump, but those that shall not leave
-- this database
SELECT m.identity FROM pg_extension e, member m JOIN pg_class c ON c.oid = m.objid
    AND m.classid = 'pg_class'::regclass
  WHERE e.extname = 'inventory' AND c.relkind IN ('r', 'S')
    AND NOT coalesce(c.oid = ANY (e.extconfig), false) ORDER BY 1;
SELECT c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    JOIN member m ON m.objid = d.refobjid AND m.classid = d.refclassid, pg_extension e
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    AND e.extname = 'inventory' AND NOT coalesce(c.oid = ANY (e.extconfig), false);
-- no index on what a call changes; room on the page for the new version
SELECT a.attname FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey)
  WHERE x.indrelid = 'inv_stock'::regclass AND a.attname IN ('on_hand', 'reserved', 'version');
SELECT substring(o, 'fillfactor=(\d+)')::int BETWEEN 50 AND 70 AS room
  FROM pg_class, unnest(reloptions) o WHERE oid = 'inv_stock'::regclass AND o LIKE 'fillfactor%';
-- it stays where it was made
SELECT extversion, extrelocatable FROM pg_extension WHERE extname = 'inventory';
CREATE SCHEMA elsewhere;
\pset format unaligned
\pset tuples_only on
SELECT refused('ALTER EXTENSION inventory SET SCHEMA elsewhere');
SELECT refused('CREATE EXTENSION inventory SCHEMA elsewhere');
-- and only a superuser makes it
DROP VIEW relation, member;
DROP EXTENSION inventory CASCADE;
CREATE ROLE regress_inv_creator;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_inv_creator', current_database()) \gexec
GRANT ALL ON SCHEMA elsewhere, install TO regress_inv_creator;
SET ROLE regress_inv_creator;
SELECT refused('CREATE EXTENSION inventory SCHEMA elsewhere');
RESET ROLE;
\pset tuples_only off
\pset format aligned

SET client_min_messages = warning;
SELECT format('REVOKE ALL ON DATABASE %I FROM regress_inv_creator', current_database()) \gexec
DROP SCHEMA install, elsewhere CASCADE;
DROP ROLE regress_inv_creator;
