SELECT E'a'
'b\'c'