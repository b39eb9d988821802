WITH x AS (SELECT 1 AS a) INSERT INTO t SELECT * FROM x;
SELECT * FROM t ORDER BY a DESC, 'x';
SELECT iceberg_bucket(a, 3) FROM t;
(SELECT 1) UNION (SELECT 2);
SELECT CASE WHEN a THEN 'x' ELSE 'y' END FROM t;
SELECT "sel""ect", größe FROM "tübingen";
SELECT a$b FROM t;
SELECT * FROM t ASOF JOIN u ON t.a >= u.a;
SELECT * FROM json_each('{}');
SELECT $1, $12