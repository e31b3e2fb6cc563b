-- What the examples sell, in a database of their own:
--
--     createdb shop && psql -d shop -f examples/shop.sql

CREATE EXTENSION inventory;

INSERT INTO inv_item (sku, name) VALUES
  ('APPLE-1KG', 'Apples, 1 kg'),
  ('BREAD', 'Bread');
SELECT sku, on_hand FROM inv_receive_many('{APPLE-1KG,BREAD}', '{10,5}');

-- the shop's own table
CREATE TABLE shop_order (
  number text PRIMARY KEY,
  customer text NOT NULL
);
