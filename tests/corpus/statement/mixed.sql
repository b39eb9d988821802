select ';', "a;b" -- x;
; begin; select 1; commit;