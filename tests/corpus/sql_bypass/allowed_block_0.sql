SELECT 1;
select a, b from t where a = 'x.csv' order by b desc limit 10;
SELECT * FROM main.t;
SELECT * FROM lake.main.t;
FROM t;
TABLE t;
VALUES (1, 'a'), (2, 'b');
SELECT * FROM "my table";
SELECT "km/h", "a.csv" FROM t;
SELECT 'x.csv' AS f, 'FROM ''x''' FROM t