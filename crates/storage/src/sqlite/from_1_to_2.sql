-- What schema 2 changed in tables of schema 1; `schema_2.sql` follows. Families and connections are as they were.
ALTER TABLE apps ADD COLUMN registered_by INTEGER;
ALTER TABLE apps ADD COLUMN home INTEGER;
ALTER TABLE apps ADD COLUMN logo BLOB;
ALTER TABLE apps ADD COLUMN review_note TEXT NOT NULL DEFAULT '';
ALTER TABLE customers ADD COLUMN legacy_until INTEGER;
ALTER TABLE sites ADD COLUMN creator INTEGER;
ALTER TABLE people ADD COLUMN name TEXT NOT NULL DEFAULT '';
CREATE INDEX people_customer ON people (customer, role);
