SELECT a::VARCHAR, b[1:2], {'k': 'v'}, MAP {'a': 'b'} FROM t;
SELECT x -> 'a' ->> 'b' FROM t;
SELECT list_transform(l, lambda x: x + 1), l.list_sum() FROM t;
SELECT * EXCLUDE (a) REPLACE ('x' AS b) FROM t;
SELECT COLUMNS('a.*') FROM t;
FROM t SELECT a, 'x' WHERE b;
SELECT row_number() OVER (PARTITION BY a ORDER BY b DESC) FROM t QUALIFY 1 = 1;
PIVOT t ON a USING sum(b);
PIVOT t ON a IN ('x', 'y') USING first(b);
UNPIVOT t ON a, b INTO NAME n VALUE v