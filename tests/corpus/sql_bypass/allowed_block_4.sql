INSERT INTO t VALUES (1, 'a'), (2, 'b');
INSERT INTO t (a, b) SELECT a, 'x' FROM u;
INSERT INTO t BY NAME SELECT 1 AS a;
INSERT INTO query (a) VALUES (1);
UPDATE t SET a = 'x', b = 'y.csv' WHERE c = 1;
UPDATE t SET a = u.a FROM u WHERE t.id = u.id;
DELETE FROM t WHERE a IN ('x', 'y');
DELETE FROM t USING u WHERE t.a = u.a;
TRUNCATE t;
TRUNCATE TABLE main.t