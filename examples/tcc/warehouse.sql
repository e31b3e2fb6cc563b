-- One of the two warehouses, each a database of its own:
--
--     createdb berlin && psql -d berlin -f examples/tcc/warehouse.sql
--     createdb paris && psql -d paris -f examples/tcc/warehouse.sql

CREATE EXTENSION inventory;

INSERT INTO inv_item (sku, name) VALUES ('TABLE', 'Table'), ('CHAIR', 'Chair');
SELECT sku, on_hand FROM inv_receive_many('{TABLE,CHAIR}', '{10,40}');

-- What the coordinator has decided. It is used in one of the databases only;
-- a coordinator such as Seata or DTM has its own.
CREATE TABLE decision (
  xid text PRIMARY KEY,
  decided text NOT NULL DEFAULT 'not yet'
    CHECK (decided IN ('not yet', 'confirm', 'cancel')),
  done boolean NOT NULL DEFAULT false
);
