WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b;
SELECT count(*), sum(x) FROM t GROUP BY ALL HAVING count(*) > 1;
SELECT * FROM t, u WHERE t.a = u.a AND t.f IN ('a.csv', 'b.csv');
SELECT * FROM t JOIN u USING (a, b);
SELECT * FROM t LEFT JOIN u ON t.a = u.a AND u.b = 'x' WHERE u.c IS DISTINCT FROM 'y';
SELECT extract(year FROM d), substring('abc' FROM 2), trim(BOTH 'x' FROM 'xax') FROM t;
SELECT * FROM range(10), generate_series(1, 3) g(i), unnest([1, 2]);
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(x, y);
SELECT * FROM t AT (VERSION => 12);
SELECT * FROM t AT (TIMESTAMP => TIMESTAMP '2026-01-01')