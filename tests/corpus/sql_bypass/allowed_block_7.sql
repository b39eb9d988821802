START TRANSACTION; ABORT;
SELECT 1; SELECT 2;;
/* a /* nested */ comment */ SELECT 1 -- end;
SELECT $$read_csv('x')$$, E'it\'s', 'read_csv(''x'')';
SELECT * FROM t WHERE a = $1 AND b = ? AND c = $name;
SELECT 'a' 'b' FROM t;
SELECT 1_000, 1.5, .5, 5., 1e3, 1E-3;
SELECT * FROM information_schema.tables;
SELECT * FROM duckdb_tables();
SELECT * FROM duckdb_columns()