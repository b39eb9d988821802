{"How many readers are there?", "SELECT count(*) AS \"readers\" FROM \"readers\""},
    {"How many members are active?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"status\" = 'active'"},
    {"how many readers live in Oslo", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"city\" = 'Oslo'"},
    {"How many active readers live in New Town or Bergen?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"status\" = 'active' AND \"city\" IN ('New Town', "
     "'Bergen')"},
    {"How many readers are not suspended?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"status\" <> 'suspended'"},
    {"Number of books by genre",
     "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\" ORDER BY \"genre\""},
    {"What is the average number of pages?", "SELECT avg(\"pages\") AS \"average_pages\" FROM \"books\""},
    {"average price per genre",
     "SELECT \"genre\", avg(\"price\") AS \"average_price\" FROM \"books\" GROUP BY \"genre\" ORDER BY \"genre\""},
    {"What is the total of fines of readers in Bergen?",
     "SELECT sum(\"fines\") AS \"total_fines\" FROM \"readers\" WHERE \"city\" = 'Bergen'"},
    {"What is the highest price?", "SELECT max(\"price\") AS \"highest_price\" FROM \"books\""},
    {"What is the lowest price of a crime book?",
     "SELECT min(\"price\") AS \"lowest_price\" FROM \"books\" WHERE \"genre\" = 'crime'"},
    {"median age of readers", "SELECT median(\"age\") AS \"median_age\" FROM \"readers\""},
    {"Which book has the most pages?",
     "SELECT \"book_id\", \"title\", \"pages\" FROM \"books\" ORDER BY \"pages\" DESC NULLS LAST LIMIT 1"},
    {"Top 5 readers by fines", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"fines\" FROM \"readers\" ORDER "
                               "BY \"fines\" DESC NULLS LAST LIMIT 5"},
    {"Which genre has the most books?", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\" "
                                        "ORDER BY count(*) DESC NULLS LAST, \"genre\" LIMIT 1"},
    {"Which author has written the most books?",
     "SELECT \"authors\".\"name\", count(*) AS \"books\" FROM \"books\" JOIN \"authors\" ON \"books\".\"author_id\" = "
     "\"authors\".\"author_id\" GROUP "
     "BY \"authors\".\"name\", \"authors\".\"author_id\" ORDER BY count(*) DESC NULLS LAST, \"authors\".\"name\", "
     "\"authors\".\"author_id\" LIMIT 1"},
    {"Which authors have no books?", "SELECT \"authors\".\"author_id\", \"authors\".\"name\" FROM \"authors\" WHERE "
                                     "NOT EXISTS (SELECT 1 FROM \"books\" WHERE \"books\".\"author_id\" = "
                                     "\"authors\".\"author_id\")"},
    {"Which readers have more than 5 loans?",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "(SELECT count(*) FROM \"loan_log\" "
     "WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") > 5"},
    {"Which genres have more than 20 books?", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY "
                                              "\"genre\" HAVING count(*) > 20 ORDER BY \"genre\""},
    {"How many loans were renewed?", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"renewed\""},
    {"How many loans were not renewed in 2025?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE NOT \"renewed\" AND \"loaned_at\" >= DATE '2025-01-01' "
     "AND \"loaned_at\" < DATE '2026-01-01'"},
    {"How many loans were returned in March 2026?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"returned_at\" >= DATE '2026-03-01' AND \"returned_at\" "
     "< DATE '2026-04-01'"},
    {"loans per month in 2025", "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", count(*) AS "
                                "\"loan_log\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2025-01-01' AND "
                                "\"loaned_at\" < DATE '2026-01-01' GROUP BY date_trunc('month', \"loaned_at\")::DATE "
                                "ORDER BY date_trunc('month', \"loaned_at\")::DATE"},
    {"How many loans did each librarian make?",
     "SELECT \"librarian\", count(*) AS \"loan_log\" FROM \"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"Who made the most loans?", "SELECT \"librarian\", count(*) AS \"loan_log\" FROM \"loan_log\" GROUP BY "
                                 "\"librarian\" ORDER BY count(*) DESC NULLS LAST, \"librarian\" LIMIT 1"},
    {"How many books by Tove Jansson were loaned?",
     "SELECT count(*) AS \"books\" FROM \"books\" JOIN \"authors\" ON \"books\".\"author_id\" = "
     "\"authors\".\"author_id\" WHERE "
     "\"authors\".\"name\" = 'Tove Jansson' AND EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"book_id\" = "
     "\"books\".\"book_id\" AND \"loan_log\".\"loaned_at\" IS NOT NULL)"},
    {"How many loans of books by Tove Jansson were there?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = "
     "\"books\".\"book_id\" JOIN "
     "\"authors\" ON \"books\".\"author_id\" = \"authors\".\"author_id\" WHERE \"authors\".\"name\" = 'Tove Jansson'"},
    {"What percentage of readers are active?", "SELECT round(100.0 * count(*) FILTER (WHERE \"status\" = 'active') / "
                                               "count(*), 2) AS \"percent\" FROM \"readers\""},
    {"share of loans that were renewed",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) AS \"percent\" FROM \"loan_log\""},
    {"How many readers are older than 60?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"age\" > 60"},
    {"List readers with fines over 100",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"fines\" > 100"},
    {"How many books have between 100 and 200 pages?",
     "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"pages\" BETWEEN 100 AND 200"},
    {"How many books have at least 300 pages", "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"pages\" >= 300"},
    {"How many readers have no email?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"email\" IS NULL"},
    {"How many readers have an email?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"email\" IS NOT NULL"},
    {"How many readers have never borrowed a book?", ""},
    {"How many readers have no loans?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE NOT EXISTS (SELECT 1 FROM \"loan_log\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")"},
    {"How many different cities do readers live in?",
     "SELECT count(DISTINCT \"city\") AS \"different_city\" FROM \"readers\""},
    {"Which cities do our readers live in?",
     "SELECT DISTINCT \"city\" FROM \"readers\" WHERE \"city\" IS NOT NULL ORDER BY \"city\" NULLS LAST"},
    {"list the titles and prices of poetry books",
     "SELECT \"title\", \"price\" FROM \"books\" WHERE \"genre\" = 'poetry'"},
    {"What is the email of reader RDR0042?", "SELECT \"email\" FROM \"readers\" WHERE \"reader_id\" = 'RDR0042'"},
    {"How many loans does reader RDR0042 have?", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" JOIN \"readers\" "
                                                 "ON \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" WHERE "
                                                 "\"readers\".\"reader_id\" = 'RDR0042'"},
    {"How many books mention 'old castle' in the blurb?",
     "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"blurb\" ILIKE '%old castle%'"},
    {"books whose title contains \"it's 100%\"",
     "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"title\" ILIKE '%it''s 100\\%%' ESCAPE '\\'"},
    {"How many books have the keyword winter?",
     "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"keywords\" ILIKE '%winter%'"},
    {"How many readers joined last year?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"joined_on\" >= "
                                           "DATE '2025-01-01' AND \"joined_on\" < DATE '2026-01-01'"},
    {"How many readers joined since March 2024?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"joined_on\" >= DATE '2024-03-01'"},
    {"How many readers joined before 2020?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"joined_on\" < DATE '2020-01-01'"},
    {"loans in the last 30 days", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2026-10-30' AND "
                                  "\"loaned_at\" < DATE '2026-11-29'"},
    {"how many loans yesterday", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE "
                                 "'2026-11-27' AND \"loaned_at\" < DATE '2026-11-28'"},
    {"How many loans were there on Mondays?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE isodow(\"loaned_at\") = 1"},
    {"Which city has the highest average fines?",
     "SELECT \"city\", avg(\"fines\") AS \"average_fines\" FROM \"readers\" GROUP BY \"city\" ORDER BY avg(\"fines\") "
     "DESC NULLS LAST, \"city\" LIMIT 1"},
    {"Who is the oldest reader?", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"age\" FROM \"readers\" ORDER "
                                  "BY \"age\" DESC NULLS LAST LIMIT 1"},
    {"What is the most common genre?", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" WHERE \"genre\" IS NOT "
                                       "NULL GROUP BY \"genre\" ORDER BY count(*) DESC NULLS LAST, \"genre\" LIMIT 1"},
    {"the three longest books", ""},
    {"most recent loan",
     "SELECT \"loan_id\", \"loaned_at\" FROM \"loan_log\" ORDER BY \"loaned_at\" DESC NULLS LAST LIMIT 1"},
    {"When was the last loan?", "SELECT max(\"loaned_at\") AS \"highest_loaned_at\" FROM \"loan_log\""},
    {"average loans per reader", "SELECT avg((SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = "
                                 "\"readers\".\"reader_id\")) AS \"average\" FROM \"readers\""},
    {"average days late by genre",
     "SELECT \"books\".\"genre\", avg(\"loan_log\".\"days_late\") AS \"average_days_late\" FROM \"loan_log\" JOIN "
     "\"books\" ON \"loan_log\".\"book_id\" = "
     "\"books\".\"book_id\" GROUP BY \"books\".\"genre\" ORDER BY \"books\".\"genre\""},
    {"How many loans per country of the author?",
     "SELECT \"authors\".\"country\", count(*) AS \"loan_log\" FROM \"loan_log\" JOIN \"books\" ON "
     "\"loan_log\".\"book_id\" = \"books\".\"book_id\" "
     "JOIN \"authors\" ON \"books\".\"author_id\" = \"authors\".\"author_id\" GROUP BY \"authors\".\"country\" ORDER "
     "BY \"authors\".\"country\""},
    {"How many readers from Reading have loans?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"readers\".\"city\" = 'Reading' AND EXISTS (SELECT 1 FROM "
     "\"loan_log\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")"},
    {"How many authors are from Norway?",
     "SELECT count(*) AS \"authors\" FROM \"authors\" WHERE \"country\" = 'Norway'"},
    {"How many books per genre and year published?",
     "SELECT \"genre\", year(\"published\") AS \"year\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\", "
     "year(\"published\") ORDER BY "
     "\"genre\", year(\"published\")"},
    {"which month had the most loans",
     "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", count(*) AS \"loan_log\" FROM \"loan_log\" GROUP "
     "BY date_trunc('month', "
     "\"loaned_at\")::DATE ORDER BY count(*) DESC NULLS LAST, date_trunc('month', \"loaned_at\")::DATE LIMIT 1"},
    {"how many purple elephants are there?", ""}, {"What is the weather?", ""}, {"", ""},
    {"Which readers have fewer than 3 loans?",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "(SELECT count(*) FROM \"loan_log\" "
     "WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") < 3"},
    {"How many readers are from Oslo, Bergen or Reading?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"city\" IN ('Oslo', 'Bergen', 'Reading')"},
    {"What is the total of fines by city, highest first?",
     "SELECT \"city\", sum(\"fines\") AS \"total_fines\" FROM \"readers\" GROUP BY \"city\" ORDER BY sum(\"fines\") "
     "DESC NULLS LAST, \"city\""},
    {"number of loans by reader city", "SELECT \"readers\".\"city\", count(*) AS \"loan_log\" FROM \"loan_log\" JOIN "
                                       "\"readers\" ON \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" GROUP "
                                       "BY \"readers\".\"city\" ORDER BY \"readers\".\"city\""},
    {"How many loans were made by Ann in Q1 2025?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"librarian\" = 'Ann' AND \"loaned_at\" >= DATE "
     "'2025-01-01' AND \"loaned_at\" < "
     "DATE '2025-04-01'"},
    {"How many books were published between 2000 and 2010?",
     "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"published\" >= DATE '2000-01-01' AND \"published\" < DATE "
     "'2011-01-01'"},
    {"List five readers with the highest fines", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"fines\" FROM "
                                                 "\"readers\" ORDER BY \"fines\" DESC NULLS LAST LIMIT 5"},
    {"Show the loans of reader RDR0001 this month",
     "SELECT \"loan_log\".\"loan_id\" FROM \"loan_log\" JOIN \"readers\" ON \"loan_log\".\"reader_id\" = "
     "\"readers\".\"reader_id\" WHERE "
     "\"readers\".\"reader_id\" = 'RDR0001' AND \"loan_log\".\"loaned_at\" >= DATE '2026-11-01' AND "
     "\"loan_log\".\"loaned_at\" < DATE '2026-12-01'"},
    {"How many readers have the last name O'Neill?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE lower(\"last_name\") = lower('O''Neill')"},
    {"What share of books are poetry?",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"genre\" = 'poetry') / count(*), 2) AS \"percent\" FROM \"books\""},
    {"Which librarian renewed the most loans?",
     "SELECT \"librarian\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"renewed\" GROUP BY \"librarian\" ORDER "
     "BY count(*) DESC NULLS LAST, "
     "\"librarian\" LIMIT 1"},
    {"loans per weekday", "SELECT dayname(\"loaned_at\") AS \"weekday\", count(*) AS \"loan_log\" FROM \"loan_log\" "
                          "GROUP BY dayname(\"loaned_at\") ORDER BY min(isodow(\"loaned_at\"))"},
    {"How many readers have more than 2 renewed loans?", ""},
    {"maximum days late per librarian", "SELECT \"librarian\", max(\"days_late\") AS \"highest_days_late\" FROM "
                                        "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"Which authors from Sweden have books with over 300 pages?",
     "SELECT \"authors\".\"author_id\", \"authors\".\"name\" FROM \"authors\" WHERE \"authors\".\"country\" = 'Sweden' "
     "AND EXISTS "
     "(SELECT 1 FROM \"books\" WHERE \"books\".\"author_id\" = \"authors\".\"author_id\" AND \"books\".\"pages\" > "
     "300)"},
    {"How many loans were returned yesterday or are they lost?", ""},
    {"books per genre, most first", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\" ORDER "
                                    "BY count(*) DESC NULLS LAST, \"genre\""},
    {"Which readers have no crime books?",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" "
     "WHERE NOT EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" "
     "WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'crime')"},
    {"Which readers have never loaned a crime book?",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" "
     "WHERE NOT EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" "
     "WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'crime')"},
    {"renewed rate per librarian",
     "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) AS \"percent\" FROM "
     "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"How many books have a price above average?",
     "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"price\" > (SELECT avg(\"price\") FROM \"books\")"},
    {"books with more pages than average", ""},
    {"genres with more than 20 books", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\" "
                                       "HAVING count(*) > 20 ORDER BY \"genre\""},
    {"How many raeders are active?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"status\" = 'active'"},
    {"How many fantasy genres are there?", "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"genre\" = 'fantasy'"},
    {"sum of loan days late", "SELECT sum(\"days_late\") AS \"total_days_late\" FROM \"loan_log\""},
    {"How many loans between March 5 and April 10 2026?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2026-03-05' AND \"loaned_at\" < "
     "DATE '2026-04-11'"},
    {"new readers this month", "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE "
                               "\"joined_on\" >= DATE '2026-11-01' AND \"joined_on\" < DATE '2026-12-01'"},
    {"new readers", ""},
    {"average sale rate minus purchase rate",
     "SELECT avg(\"sale_rate\" - \"purchase_rate\") AS \"average_sale_rate_minus_purchase_rate\" FROM \"purchases\""},
    {"average margin per supplier name",
     "SELECT \"supplier_name\", avg(\"sale_rate\" - \"purchase_rate\") AS \"average_sale_rate_minus_purchase_rate\" "
     "FROM \"purchases\" GROUP BY \"supplier_name\" ORDER BY \"supplier_name\""},
    {"Which purchase has the highest margin?",
     "SELECT \"purchase_id\", max(\"sale_rate\" - \"purchase_rate\") AS \"highest_sale_rate_minus_purchase_rate\" FROM "
     "\"purchases\" GROUP BY \"purchase_id\" ORDER BY max(\"sale_rate\" - \"purchase_rate\") DESC NULLS LAST, "
     "\"purchase_id\" LIMIT 1"},
    {"total copies in 2025",
     "SELECT sum(\"bound_copies\" + \"paper_copies\") AS \"total_bound_copies_plus_paper_copies\" FROM \"purchases\" "
     "WHERE \"ordered_on\" >= DATE '2025-01-01' AND \"ordered_on\" < DATE '2026-01-01'"},
    {"bound copies plus paper copies by supplier name",
     "SELECT \"supplier_name\", sum(\"bound_copies\" + \"paper_copies\") AS \"total_bound_copies_plus_paper_copies\" "
     "FROM \"purchases\" GROUP BY \"supplier_name\" ORDER BY \"supplier_name\""},
    {"paper and bound copies combined",
     "SELECT sum(\"paper_copies\" + \"bound_copies\") AS \"total_paper_copies_plus_bound_copies\" FROM \"purchases\""},
    {"bound copies as a percentage of all copies", "SELECT round(100.0 * sum(\"bound_copies\") / sum(\"bound_copies\" "
                                                   "+ \"paper_copies\"), 2) AS \"percent\" FROM \"purchases\""},
    {"average days between ordered and delivered", "SELECT avg(date_diff('day', \"ordered_on\", \"delivered_on\")) AS "
                                                   "\"average_days_ordered_on_to_delivered_on\" FROM \"purchases\""},
    {"difference between sale rate and purchase rate by supplier name",
     "SELECT \"supplier_name\", avg(\"sale_rate\" - \"purchase_rate\") AS \"average_sale_rate_minus_purchase_rate\" "
     "FROM \"purchases\" GROUP BY \"supplier_name\" ORDER BY \"supplier_name\""},
    {"How long does it take to deliver a purchase?",
     "SELECT avg(date_diff('day', \"ordered_on\", \"delivered_on\")) AS \"average_days_ordered_on_to_delivered_on\" "
     "FROM \"purchases\""},
    {"How long do loans last in weeks?", ""}, {"How long is a reader?", ""},
    {"purchases from Lindgren",
     "SELECT \"purchase_id\" FROM \"purchases\" WHERE \"supplier_name\" = 'Lindgren Trading Ltd'"},
    {"purchases from Nordic", ""},
    {"How much revenue came from Lindgren in 2026?",
     "SELECT sum(\"amount\") AS \"total_amount\" FROM \"purchases\" WHERE \"supplier_name\" = 'Lindgren Trading Ltd' "
     "AND \"ordered_on\" >= DATE '2026-01-01' AND \"ordered_on\" < DATE '2027-01-01'"},
    {"revenue by genre in 2025",
     "SELECT \"books\".\"genre\", sum(\"purchases\".\"amount\") AS \"total_amount\" FROM \"purchases\" JOIN \"books\" "
     "ON \"purchases\".\"book_id\" = \"books\".\"book_id\" WHERE \"purchases\".\"ordered_on\" >= DATE '2025-01-01' AND "
     "\"purchases\".\"ordered_on\" < DATE '2026-01-01' GROUP BY \"books\".\"genre\" ORDER BY \"books\".\"genre\""},
    {"What will our revenue be next year?", ""},
    {"supplier names where purchases have an amount over 500 on average",
     "SELECT \"supplier_name\", avg(\"amount\") AS \"average_amount\" FROM \"purchases\" GROUP BY \"supplier_name\" "
     "HAVING avg(\"amount\") > 500 ORDER BY \"supplier_name\""},
    {"Which books have purchases with an amount of more than 9000 in total?",
     "SELECT \"books\".\"title\", sum(\"purchases\".\"amount\") AS \"total_amount\" FROM \"purchases\" JOIN \"books\" "
     "ON \"purchases\".\"book_id\" = \"books\".\"book_id\" GROUP BY \"books\".\"title\", \"books\".\"book_id\" HAVING "
     "sum(\"purchases\".\"amount\") > 9000 ORDER BY \"books\".\"title\", \"books\".\"book_id\""},
    {"loans in 2023 vs 2025",
     "SELECT year(\"loaned_at\") AS \"year\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE (\"loaned_at\" >= DATE "
     "'2023-01-01' AND \"loaned_at\" < DATE '2024-01-01' OR \"loaned_at\" >= DATE '2025-01-01' AND \"loaned_at\" < "
     "DATE '2026-01-01') GROUP BY year(\"loaned_at\") ORDER BY year(\"loaned_at\")"},
    {"compare loans in 2023 and 2025",
     "SELECT year(\"loaned_at\") AS \"year\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE (\"loaned_at\" >= DATE "
     "'2023-01-01' AND \"loaned_at\" < DATE '2024-01-01' OR \"loaned_at\" >= DATE '2025-01-01' AND \"loaned_at\" < "
     "DATE '2026-01-01') GROUP BY year(\"loaned_at\") ORDER BY year(\"loaned_at\")"},
    {"How many loans in 2023 or 2025?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE (\"loaned_at\" >= DATE '2023-01-01' AND \"loaned_at\" < "
     "DATE '2024-01-01' OR \"loaned_at\" >= DATE '2025-01-01' AND \"loaned_at\" < DATE '2026-01-01')"},
    {"compare readers", ""},
    {"highest and lowest price per genre", "SELECT \"genre\", max(\"price\") AS \"highest_price\", min(\"price\") AS "
                                           "\"lowest_price\" FROM \"books\" GROUP BY \"genre\" ORDER BY \"genre\""},
    {"oldest and youngest readers", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"age\" FROM \"readers\" "
                                    "WHERE (\"age\" = (SELECT min(\"age\") FROM \"readers\") OR \"age\" = (SELECT "
                                    "max(\"age\") FROM \"readers\")) ORDER BY \"age\" DESC NULLS LAST"},
    {"averge price of diferent genres",
     "SELECT \"genre\", avg(\"price\") AS \"average_price\" FROM \"books\" GROUP BY \"genre\" ORDER BY \"genre\""},
    {"numbr of loans", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\""},
    {"How many readers joined on Christmas Day 2025?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"joined_on\" >= DATE '2025-12-25' AND \"joined_on\" < "
     "DATE '2025-12-26'"},
    {"loans on new year's eve", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2025-12-31' AND "
                                "\"loaned_at\" < DATE '2026-01-01'"},
    {"How many loans were never?", ""},
    {"books w/ a price over 20", "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"price\" > 20"},
    {"readers w/o loans",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "NOT EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")"},
    {"How many loans were late?", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"days_late\" > 0"},
    {"share of loans that were late by librarian",
     "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE \"days_late\" > 0) / count(*), 2) AS \"percent\" FROM "
     "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"How many readers mention winter in their keywords?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON "
     "\"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" "
     "AND \"books\".\"keywords\" ILIKE '%winter%')"},
    {"loans whose book is not in the books table",
     "SELECT \"loan_log\".\"loan_id\" FROM \"loan_log\" WHERE NOT EXISTS (SELECT 1 FROM \"books\" WHERE "
     "\"loan_log\".\"book_id\" = \"books\".\"book_id\")"},
    {"How many loans are not in the readers table?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE NOT EXISTS (SELECT 1 FROM \"readers\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")"},
    {"How many distinct books were loaned by Ann?",
     "SELECT count(DISTINCT \"book_id\") AS \"different_book_id\" FROM \"loan_log\" WHERE \"librarian\" = 'Ann' AND "
     "\"loaned_at\" IS NOT NULL"},
    {"purchases as a percentage of books", ""}, {"How many readers are 3 on average?", ""},
    {"How many transfers went from Harbour Branch to Station Branch?",
     "SELECT count(*) AS \"transfers\" FROM \"transfers\" JOIN \"branches\" ON \"transfers\".\"origin\" = "
     "\"branches\".\"code\" WHERE \"branches\".\"branch_name\" = 'Harbour Branch' AND \"transfers\".\"dest\" IN "
     "(SELECT \"branches\".\"code\" FROM \"branches\" WHERE \"branches\".\"branch_name\" = 'Station Branch')"},
    {"transfers from HBR to STN",
     "SELECT \"transfer_id\" FROM \"transfers\" WHERE \"origin\" = 'HBR' AND \"dest\" = 'STN'"},
    {"total crates to Station Branch",
     "SELECT sum(\"transfers\".\"crates\") AS \"total_crates\" FROM \"transfers\" JOIN \"branches\" ON "
     "\"transfers\".\"dest\" = \"branches\".\"code\" WHERE \"branches\".\"branch_name\" = 'Station Branch'"},
    {"How many transfers were delayed?", "SELECT count(*) AS \"transfers\" FROM \"transfers\" WHERE \"delay\" > 0"},
    {"transfers with a delay over 2 hours", ""},
    {"destinations that aren't in the branches table",
     "SELECT DISTINCT \"transfers\".\"dest\" FROM \"transfers\""
     " WHERE NOT EXISTS (SELECT 1 FROM \"branches\" WHERE \"transfers\".\"dest\" = \"branches\".\"code\") AND "
     "\"transfers\".\"dest\" IS NOT NULL ORDER BY \"transfers\".\"dest\" NULLS LAST"},
    {"longest transfer",
     "SELECT \"transfer_id\", \"hours\" FROM \"transfers\" ORDER BY \"hours\" DESC NULLS LAST LIMIT 1"},
    {"branches older than 20 years", "SELECT \"code\", \"branch_name\" FROM \"branches\" WHERE \"year\" < 2006"},
    {"the oldest branch's year of construction",
     "SELECT \"year\" FROM \"branches\" ORDER BY \"year\" NULLS LAST LIMIT 1"},
    {"total price by purpose", ""}, {"Which cities have both readers and books?", ""},
    {"What are the most common keywords?", ""},
    {"Top 3 librarians by number of loans returned in 2025",
     "SELECT \"librarian\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"returned_at\" >= DATE '2025-01-01' AND "
     "\"returned_at\" < DATE '2026-01-01' GROUP BY \"librarian\" ORDER BY count(*) DESC NULLS LAST, \"librarian\" "
     "LIMIT 3"},
    {"average number of pages per book", "SELECT avg(\"pages\") AS \"average_pages\" FROM \"books\""},
    {"difference between bound and paper copies by supplier name",
     "SELECT \"supplier_name\", avg(\"bound_copies\" - \"paper_copies\") AS "
     "\"average_bound_copies_minus_paper_copies\" FROM \"purchases\" GROUP BY \"supplier_name\" ORDER BY "
     "\"supplier_name\""},
    {"What is the most common genre of books by Tove Jansson?",
     "SELECT \"books\".\"genre\", count(*) AS \"books\" FROM \"books\" JOIN \"authors\" ON \"books\".\"author_id\" = "
     "\"authors\".\"author_id\""
     " WHERE \"authors\".\"name\" = 'Tove Jansson' AND \"books\".\"genre\" IS NOT NULL GROUP BY \"books\".\"genre\" "
     "ORDER BY count(*) DESC NULLS LAST, \"books\".\"genre\" LIMIT 1"},
    {"readers in the same city", ""},
    {"share of loans not renewed by librarian",
     "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE NOT \"renewed\") / count(*), 2) AS \"percent\" FROM "
     "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"percentage of readers suspended per city",
     "SELECT \"city\", round(100.0 * count(*) FILTER (WHERE \"status\" = 'suspended') / count(*), 2) AS \"percent\" "
     "FROM \"readers\" GROUP BY \"city\" ORDER BY \"city\""},
    {"Which readers have more loans than fines?", ""}, {"least common reader", ""},
    {"How many books have pages 300+?", "SELECT count(*) AS \"books\" FROM \"books\" WHERE \"pages\" >= 300"},
    {"total margin in 2025", ""},
    {"show the 3 oldest readers with their city", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"city\", "
                                                  "\"age\" FROM \"readers\" ORDER BY \"age\" DESC NULLS LAST LIMIT 3"},
    {"How many readers are in more than one city?", ""}, {"readers leaving next month", ""},
    {"How many readers left in March 2026?", ""}, {"the average price of the top 10 books", ""},
    {"Which month of 2025 had the fewest loans?",
     "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE "
     "\"loaned_at\" >= DATE '2025-01-01' AND \"loaned_at\" < DATE '2026-01-01' GROUP BY date_trunc('month', "
     "\"loaned_at\")::DATE ORDER BY count(*) NULLS LAST, date_trunc('month', \"loaned_at\")::DATE LIMIT 1"},
    {"how many readers dont have an email", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"email\" IS NULL"},
    {"pct of loans that were renewed",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) AS \"percent\" FROM \"loan_log\""},
    {"What % of readers are active?", "SELECT round(100.0 * count(*) FILTER (WHERE \"status\" = 'active') / count(*), "
                                      "2) AS \"percent\" FROM \"readers\""},
    {"What % of the purchase amount comes from crime books?",
     "SELECT round(100.0 * sum(\"purchases\".\"amount\") FILTER (WHERE \"books\".\"genre\" = 'crime') / "
     "sum(\"purchases\".\"amount\"), 2) AS \"percent\" FROM \"purchases\" JOIN \"books\" ON \"purchases\".\"book_id\" "
     "= \"books\".\"book_id\""},
    {"share of purchase amount by genre",
     "SELECT \"books\".\"genre\", round(100.0 * sum(\"purchases\".\"amount\") / sum(sum(\"purchases\".\"amount\")) "
     "OVER (), 2) AS \"percent\" FROM \"purchases\" JOIN \"books\" ON \"purchases\".\"book_id\" = "
     "\"books\".\"book_id\" GROUP BY \"books\".\"genre\" ORDER BY \"books\".\"genre\""},
    {"readers from Oslo or Norway", ""}, {"How many books are crime or over 300 pages?", ""},
    {"How many authors are not from Sweden or Norway?",
     "SELECT count(*) AS \"authors\" FROM \"authors\" WHERE \"country\" NOT IN ('Sweden', 'Norway')"},
    {"did we have more loans in march or in april 2025?",
     "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE "
     "(\"loaned_at\" >= DATE '2025-03-01' AND \"loaned_at\" < DATE '2025-04-01' OR \"loaned_at\" >= DATE '2025-04-01' "
     "AND \"loaned_at\" < DATE '2025-05-01') GROUP BY date_trunc('month', \"loaned_at\")::DATE ORDER BY "
     "date_trunc('month', \"loaned_at\")::DATE"},
    {"Are there more crime or poetry books?", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" WHERE \"genre\" "
                                              "IN ('crime', 'poetry') GROUP BY \"genre\" ORDER BY \"genre\""},
    {"crime vs fantasy, number of books", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" WHERE \"genre\" IN "
                                          "('crime', 'fantasy') GROUP BY \"genre\" ORDER BY \"genre\""},
    {"average price of crime vs poetry books",
     "SELECT \"genre\", avg(\"price\") AS \"average_price\" FROM \"books\" WHERE \"genre\" IN ('crime', 'poetry') "
     "GROUP BY \"genre\" ORDER BY \"genre\""},
    {"loans in January vs February",
     "SELECT month(\"loaned_at\") AS \"month\", count(*) AS \"loan_log\" FROM \"loan_log\" WHERE (month(\"loaned_at\") "
     "= 1 OR month(\"loaned_at\") = 2) GROUP BY month(\"loaned_at\") ORDER BY month(\"loaned_at\")"},
    {"How many loans were there in the first quarter?",
     "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE month(\"loaned_at\") BETWEEN 1 AND 3"},
    {"How many loans in may 2025?", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE "
                                    "'2025-05-01' AND \"loaned_at\" < DATE '2025-06-01'"},
    {"readers that joined since may",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"joined_on\" >= DATE '2026-05-01'"},
    {"most recent loan of each librarian", "SELECT \"librarian\", max(\"loaned_at\") AS \"highest_loaned_at\" FROM "
                                           "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"longest transfer for each dest",
     "SELECT \"dest\", max(\"hours\") AS \"highest_hours\" FROM \"transfers\" GROUP BY \"dest\" ORDER BY \"dest\""},
    {"top 2 genres of each country",
     "SELECT \"authors\".\"country\", \"books\".\"genre\", count(*) AS \"books\" FROM \"books\" JOIN \"authors\" ON "
     "\"books\".\"author_id\" = \"authors\".\"author_id\" GROUP BY \"authors\".\"country\", \"books\".\"genre\" "
     "QUALIFY row_number() OVER (PARTITION BY \"authors\".\"country\" ORDER BY count(*) DESC NULLS LAST, "
     "\"books\".\"genre\") <= 2 ORDER BY \"authors\".\"country\", count(*) DESC NULLS LAST, \"books\".\"genre\""},
    {"Which librarian made the most loans in each genre?",
     "SELECT \"books\".\"genre\", \"loan_log\".\"librarian\", count(*) AS \"loan_log\" FROM \"loan_log\" JOIN "
     "\"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" GROUP BY \"books\".\"genre\", "
     "\"loan_log\".\"librarian\" QUALIFY row_number() OVER (PARTITION BY \"books\".\"genre\" ORDER BY count(*) DESC "
     "NULLS LAST, \"loan_log\".\"librarian\") <= 1 ORDER BY \"books\".\"genre\", count(*) DESC NULLS LAST, "
     "\"loan_log\".\"librarian\""},
    {"the 2 oldest readers of each city",
     "SELECT \"city\", \"reader_id\", \"first_name\", \"last_name\", \"age\" FROM \"readers\" QUALIFY row_number() "
     "OVER (PARTITION BY \"city\" ORDER BY \"age\" DESC NULLS LAST) <= 2 ORDER BY \"city\", \"age\" DESC NULLS LAST"},
    {"top 3 readers by fines per city", "SELECT \"city\", \"reader_id\", \"first_name\", \"last_name\", \"fines\" FROM "
                                        "\"readers\" QUALIFY row_number() OVER (PARTITION BY \"city\" ORDER BY "
                                        "\"fines\" DESC NULLS LAST) <= 3 ORDER BY \"city\", \"fines\" DESC NULLS LAST"},
    {"top 2 librarians by loans for each month of 2025",
     "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", \"librarian\", count(*) AS \"loan_log\" FROM "
     "\"loan_log\" WHERE \"loaned_at\" >= DATE '2025-01-01' AND \"loaned_at\" < DATE '2026-01-01' GROUP BY "
     "date_trunc('month', \"loaned_at\")::DATE, \"librarian\" QUALIFY row_number() OVER (PARTITION BY "
     "date_trunc('month', \"loaned_at\")::DATE ORDER BY count(*) DESC NULLS LAST, \"librarian\") <= 2 ORDER BY "
     "date_trunc('month', \"loaned_at\")::DATE, count(*) DESC NULLS LAST, \"librarian\""},
    {"running total of loans per month in 2025",
     "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", sum(count(*)) OVER (ORDER BY date_trunc('month', "
     "\"loaned_at\")::DATE) AS \"running_total\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2025-01-01' AND "
     "\"loaned_at\" < DATE '2026-01-01' GROUP BY date_trunc('month', \"loaned_at\")::DATE ORDER BY date_trunc('month', "
     "\"loaned_at\")::DATE"},
    {"cumulative purchase amount by year",
     "SELECT year(\"ordered_on\") AS \"year\", sum(sum(\"amount\")) OVER (ORDER BY year(\"ordered_on\")) AS "
     "\"running_total\" FROM \"purchases\" GROUP BY year(\"ordered_on\") ORDER BY year(\"ordered_on\")"},
    {"running total of loans by librarian", ""},
    {"growth in loans from 2023 to 2025",
     "SELECT year(\"loaned_at\") AS \"year\", count(*) AS \"loan_log\", round(100.0 * (count(*) - lag(count(*)) OVER "
     "(ORDER BY year(\"loaned_at\"))) / lag(count(*)) OVER (ORDER BY year(\"loaned_at\")), 2) AS \"growth_percent\" "
     "FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2023-01-01' AND \"loaned_at\" < DATE '2026-01-01' GROUP BY "
     "year(\"loaned_at\") ORDER BY year(\"loaned_at\")"},
    {"loan growth per year",
     "SELECT year(\"loaned_at\") AS \"year\", count(*) AS \"loan_log\", round(100.0 * (count(*) - lag(count(*)) OVER "
     "(ORDER BY year(\"loaned_at\"))) / lag(count(*)) OVER (ORDER BY year(\"loaned_at\")), 2) AS \"growth_percent\" "
     "FROM \"loan_log\" GROUP BY year(\"loaned_at\") ORDER BY year(\"loaned_at\")"},
    {"year over year growth in loans",
     "SELECT year(\"loaned_at\") AS \"year\", count(*) AS \"loan_log\", round(100.0 * (count(*) - lag(count(*)) OVER "
     "(ORDER BY year(\"loaned_at\"))) / lag(count(*)) OVER (ORDER BY year(\"loaned_at\")), 2) AS \"growth_percent\" "
     "FROM \"loan_log\" GROUP BY year(\"loaned_at\") ORDER BY year(\"loaned_at\")"},
    {"growth in loans by librarian", ""},
    {"rank the genres by average price", "SELECT \"genre\", avg(\"price\") AS \"average_price\" FROM \"books\" GROUP "
                                         "BY \"genre\" ORDER BY avg(\"price\") DESC NULLS LAST, \"genre\""},
    {"authors ranked by number of books",
     "SELECT \"authors\".\"name\", count(*) AS \"books\" FROM \"books\" JOIN \"authors\" ON \"books\".\"author_id\" = "
     "\"authors\".\"author_id\" GROUP BY \"authors\".\"name\", \"authors\".\"author_id\" ORDER BY count(*) DESC NULLS "
     "LAST, \"authors\".\"name\", \"authors\".\"author_id\""},
    {"average pages per genre, most pages first",
     "SELECT \"genre\", avg(\"pages\") AS \"average_pages\" FROM \"books\" GROUP BY \"genre\" ORDER BY avg(\"pages\") "
     "DESC NULLS LAST, \"genre\""},
    {"avg number of pages of crime books",
     "SELECT avg(\"pages\") AS \"average_pages\" FROM \"books\" WHERE \"genre\" = 'crime'"},
    {"amount by supplier name in 2025",
     "SELECT \"supplier_name\", sum(\"amount\") AS \"total_amount\" FROM \"purchases\" WHERE \"ordered_on\" >= DATE "
     "'2025-01-01' AND \"ordered_on\" < DATE '2026-01-01' GROUP BY \"supplier_name\" ORDER BY \"supplier_name\""},
    {"Which genres had an average price over 20 dollars?",
     "SELECT \"genre\", avg(\"price\") AS \"average_price\" FROM \"books\" GROUP BY \"genre\" HAVING avg(\"price\") > "
     "20 ORDER BY \"genre\""},
    {"How many loans does each suspended reader have on average?",
     "SELECT avg((SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")) AS "
     "\"average\" FROM \"readers\" WHERE \"readers\".\"status\" = 'suspended'"},
    {"loans per book genre",
     "SELECT \"books\".\"genre\", count(*) AS \"loan_log\" FROM \"loan_log\" JOIN \"books\" ON "
     "\"loan_log\".\"book_id\" = \"books\".\"book_id\" GROUP BY \"books\".\"genre\" ORDER BY \"books\".\"genre\""},
    {"average book price by genre",
     "SELECT \"genre\", avg(\"price\") AS \"average_price\" FROM \"books\" GROUP BY \"genre\" ORDER BY \"genre\""},
    {"number of different readers loaned in 2025",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE EXISTS (SELECT 1 FROM \"loan_log\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"loan_log\".\"loaned_at\" >= DATE '2025-01-01' AND "
     "\"loan_log\".\"loaned_at\" < DATE '2026-01-01')"},
    {"books by genre, top 3", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\" ORDER BY "
                              "count(*) DESC NULLS LAST, \"genre\" LIMIT 3"},
    {"purchases by lindgren",
     "SELECT \"purchase_id\" FROM \"purchases\" WHERE \"supplier_name\" = 'Lindgren Trading Ltd'"},
    {"purchases to lindgren or nordic book company",
     "SELECT \"purchase_id\" FROM \"purchases\" WHERE \"supplier_name\" IN ('Lindgren Trading Ltd', 'Nordic Book "
     "Company')"},
    {"Which month has the most loans?",
     "SELECT date_trunc('month', \"loaned_at\")::DATE AS \"month\", count(*) AS \"loan_log\" FROM \"loan_log\" GROUP "
     "BY date_trunc('month', \"loaned_at\")::DATE ORDER BY count(*) DESC NULLS LAST, date_trunc('month', "
     "\"loaned_at\")::DATE LIMIT 1"},
    {"What proportion of loans ended up renewed?",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) AS \"percent\" FROM \"loan_log\""},
    {"renew rate by librarian", "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), "
                                "2) AS \"percent\" FROM \"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"transfers by origin branch",
     "SELECT \"origin\", count(*) AS \"transfers\" FROM \"transfers\" GROUP BY \"origin\" ORDER BY \"origin\""},
    {"books made by Tove Jansson",
     "SELECT \"books\".\"book_id\", \"books\".\"title\" FROM \"books\" JOIN \"authors\" ON \"books\".\"author_id\" = "
     "\"authors\".\"author_id\" WHERE \"authors\".\"name\" = 'Tove Jansson'"},
    {"transfers per dest branch",
     "SELECT \"dest\", count(*) AS \"transfers\" FROM \"transfers\" GROUP BY \"dest\" ORDER BY \"dest\""},
    {"Which librarian has the best renewed rate?",
     "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) AS \"percent\" FROM "
     "\"loan_log\" GROUP BY \"librarian\" ORDER BY round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) "
     "DESC NULLS LAST, \"librarian\" LIMIT 1"},
    {"How many readers joined before june?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE \"joined_on\" < DATE '2026-06-01'"},
    {"average dest branch", ""}, {"Are there more books?", ""}, {"highest branch", ""},
    {"readers loaned more than 3 times",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "(SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") > 3"},
    {"How many readers have been loaned more than once?",
     "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE (SELECT count(*) FROM \"loan_log\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") > 1"},
    {"readers renewed more than 3 times", ""},
    {"What share of readers with fines over 100 are active?",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"status\" = 'active') / count(*), 2) AS \"percent\" FROM "
     "\"readers\" WHERE \"fines\" > 100"},
    {"share of crime books by supplier name", ""},
    {"percentage of suspended readers by city",
     "SELECT \"city\", round(100.0 * count(*) FILTER (WHERE \"status\" = 'suspended') / count(*), 2) AS \"percent\" "
     "FROM \"readers\" GROUP BY \"city\" ORDER BY \"city\""},
    {"loans loaned but not returned",
     "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"returned_at\" IS NULL AND \"loaned_at\" IS NOT NULL"},
    {"How many books have the keyword winter or war?",
     "SELECT count(*) AS \"books\" FROM \"books\" WHERE (\"keywords\" ILIKE '%winter%' OR \"keywords\" ILIKE '%war%')"},
    {"readers with neither email nor city", "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" "
                                            "WHERE \"email\" IS NULL AND \"city\" IS NULL"},
    {"How many cities have more than 3 readers?", "SELECT count(*) AS \"count\" FROM (SELECT count(*) AS n FROM "
                                                  "\"readers\" GROUP BY \"city\" HAVING count(*) > 3) AS of_each"},
    {"How many genres have at least 10 loans?",
     "SELECT count(*) AS \"count\" FROM (SELECT count(*) AS n FROM \"loan_log\" JOIN \"books\" ON "
     "\"loan_log\".\"book_id\" = \"books\".\"book_id\" GROUP BY \"books\".\"genre\" HAVING count(*) >= 10) AS of_each"},
    {"How many unrenewed loans?", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE NOT \"renewed\""},
    {"readers with an unknown email",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"email\" IS NULL"},
    {"What percentage of readers have fines?",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"fines\" > 0) / count(*), 2) AS \"percent\" FROM \"readers\""},
    {"purchases with no amount",
     "SELECT \"purchase_id\", \"supplier_name\" FROM \"purchases\" WHERE (\"amount\" IS NULL OR \"amount\" = 0)"},
    {"min, max and average price per genre",
     "SELECT \"genre\", min(\"price\") AS \"lowest_price\", max(\"price\") AS \"highest_price\", avg(\"price\") AS "
     "\"average_price\" FROM \"books\" GROUP BY \"genre\" ORDER BY \"genre\""},
    {"How many transfers took over an hour?",
     "SELECT count(*) AS \"transfers\" FROM \"transfers\" WHERE \"hours\" > 1"},
    {"transfers over 3 hours by dest", "SELECT \"dest\", count(*) AS \"transfers\" FROM \"transfers\" WHERE \"hours\" "
                                       "> 3 GROUP BY \"dest\" ORDER BY \"dest\""},
    {"hottest day of the year", ""}, {"How many loans were early?", ""}, {"total fines paid by readers in Oslo", ""},
    {"loans by month and genre",
     "SELECT date_trunc('month', \"loan_log\".\"loaned_at\")::DATE AS \"month\", \"books\".\"genre\", count(*) AS "
     "\"loan_log\" FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" GROUP BY "
     "date_trunc('month', \"loan_log\".\"loaned_at\")::DATE, \"books\".\"genre\" ORDER BY date_trunc('month', "
     "\"loan_log\".\"loaned_at\")::DATE, \"books\".\"genre\""},
    {"loans by month and colour", ""},
    {"loans on Mondays vs Fridays", "SELECT dayname(\"loaned_at\") AS \"weekday\", count(*) AS \"loan_log\" FROM "
                                    "\"loan_log\" WHERE (isodow(\"loaned_at\") = 1 OR isodow(\"loaned_at\") = 5) GROUP "
                                    "BY dayname(\"loaned_at\") ORDER BY min(isodow(\"loaned_at\"))"},
    {"average copies per purchase by genre",
     "SELECT \"books\".\"genre\", avg(\"purchases\".\"bound_copies\" + \"purchases\".\"paper_copies\") AS "
     "\"average_bound_copies_plus_paper_copies\" FROM \"purchases\" JOIN \"books\" ON \"purchases\".\"book_id\" = "
     "\"books\".\"book_id\" GROUP BY \"books\".\"genre\" ORDER BY \"books\".\"genre\""},
    {"purchases over 50 copies", ""},
    {"books without a published date", "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"published\" IS NULL"},
    {"readers with the highest book", ""},
    {"who has the most fines", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"fines\" FROM \"readers\" ORDER "
                               "BY \"fines\" DESC NULLS LAST LIMIT 1"},
    {"which reader had the most loans in each year",
     "SELECT year(\"loan_log\".\"loaned_at\") AS \"year\", \"readers\".\"first_name\", \"readers\".\"last_name\", "
     "count(*) AS \"loan_log\" FROM \"loan_log\" JOIN \"readers\" ON \"loan_log\".\"reader_id\" = "
     "\"readers\".\"reader_id\" GROUP BY year(\"loan_log\".\"loaned_at\"), \"readers\".\"first_name\", "
     "\"readers\".\"last_name\", \"readers\".\"reader_id\" QUALIFY row_number() OVER (PARTITION BY "
     "year(\"loan_log\".\"loaned_at\") ORDER BY count(*) DESC NULLS LAST, \"readers\".\"first_name\", "
     "\"readers\".\"last_name\", \"readers\".\"reader_id\") <= 1 ORDER BY year(\"loan_log\".\"loaned_at\"), count(*) "
     "DESC NULLS LAST, \"readers\".\"first_name\", \"readers\".\"last_name\", \"readers\".\"reader_id\""},
    {"Which genre had the most loans per quarter of 2025?",
     "SELECT date_trunc('quarter', \"loan_log\".\"loaned_at\")::DATE AS \"quarter\", \"books\".\"genre\", count(*) AS "
     "\"loan_log\" FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"loaned_at\" >= DATE '2025-01-01' AND \"loan_log\".\"loaned_at\" < DATE '2026-01-01' GROUP BY "
     "date_trunc('quarter', \"loan_log\".\"loaned_at\")::DATE, \"books\".\"genre\" QUALIFY row_number() OVER "
     "(PARTITION BY date_trunc('quarter', \"loan_log\".\"loaned_at\")::DATE ORDER BY count(*) DESC NULLS LAST, "
     "\"books\".\"genre\") <= 1 ORDER BY date_trunc('quarter', \"loan_log\".\"loaned_at\")::DATE, count(*) DESC NULLS "
     "LAST, \"books\".\"genre\""},
    {"top 3 supplier names by margin",
     "SELECT \"supplier_name\", avg(\"sale_rate\" - \"purchase_rate\") AS \"average_sale_rate_minus_purchase_rate\" "
     "FROM \"purchases\" GROUP BY \"supplier_name\" ORDER BY avg(\"sale_rate\" - \"purchase_rate\") DESC NULLS LAST, "
     "\"supplier_name\" LIMIT 3"},
    {"sum of sale rate by supplier name", ""},
    {"readers loaned at Ann",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"librarian\" = 'Ann')"},
    {"genres with only one book", "SELECT \"genre\", count(*) AS \"books\" FROM \"books\" GROUP BY \"genre\" HAVING "
                                  "count(*) = 1 ORDER BY \"genre\""},
    {"readers with just one loan",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "(SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") = 1"},
    {"highest average fines by city", "SELECT \"city\", avg(\"fines\") AS \"average_fines\" FROM \"readers\" GROUP BY "
                                      "\"city\" ORDER BY avg(\"fines\") DESC NULLS LAST, \"city\""},
    {"first loan of each reader",
     "SELECT \"readers\".\"first_name\", \"readers\".\"last_name\", min(\"loan_log\".\"loaned_at\") AS "
     "\"lowest_loaned_at\" FROM \"loan_log\" JOIN \"readers\" ON \"loan_log\".\"reader_id\" = "
     "\"readers\".\"reader_id\" GROUP BY \"readers\".\"first_name\", \"readers\".\"last_name\", "
     "\"readers\".\"reader_id\" ORDER BY \"readers\".\"first_name\", \"readers\".\"last_name\", "
     "\"readers\".\"reader_id\""},
    {"most used book of each genre", ""}, {"average price of late loans", ""},
    {"average days late of loans that were late",
     "SELECT avg(\"days_late\") AS \"average_days_late\" FROM \"loan_log\" WHERE \"days_late\" > 0"},
    {"percentage of late loans by librarian",
     "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE \"days_late\" > 0) / count(*), 2) AS \"percent\" FROM "
     "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"How many late loans were there?", "SELECT count(*) AS \"loan_log\" FROM \"loan_log\" WHERE \"days_late\" > 0"},
    {"Which genres have no loans?", ""},
    {"who are the librarians", "SELECT DISTINCT \"librarian\" FROM \"loan_log\" WHERE \"librarian\" IS NOT NULL"},
    {"How many readers did we left per month?", ""},
    {"readers by number of loans",
     "SELECT \"readers\".\"first_name\", \"readers\".\"last_name\", count(*) AS \"loan_log\" FROM \"loan_log\" JOIN "
     "\"readers\" ON \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" GROUP BY \"readers\".\"first_name\", "
     "\"readers\".\"last_name\", \"readers\".\"reader_id\" ORDER BY count(*) DESC NULLS LAST, "
     "\"readers\".\"first_name\", \"readers\".\"last_name\", \"readers\".\"reader_id\""},
    {"books by number of pages",
     "SELECT \"pages\", count(*) AS \"books\" FROM \"books\" GROUP BY \"pages\" ORDER BY \"pages\""},
    {"How many readers joined on the busiest day?",
     "SELECT CAST(\"joined_on\" AS DATE) AS \"day\", count(*) AS \"readers\" FROM \"readers\" WHERE \"joined_on\" IS "
     "NOT NULL GROUP BY CAST(\"joined_on\" AS DATE) ORDER BY count(*) DESC NULLS LAST, CAST(\"joined_on\" AS DATE) "
     "LIMIT 1"},
    {"transfers that left late", "SELECT \"transfer_id\" FROM \"transfers\" WHERE \"delay\" > 0"},
    {"emails of Ann Lee and Bob Ray", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"email\" FROM \"readers\" "
                                      "WHERE (concat(' ', \"first_name\", ' ', "
                                      "\"last_name\", ' ') ILIKE '% Ann Lee %' OR concat(' ', \"first_name\", ' ', "
                                      "\"last_name\", ' ') ILIKE '% Bob Ray %')"},
    {"email of Ann Lee and age of Bob Ray", ""},
    {"the pages of books 5, 6 and 7",
     "SELECT \"book_id\", \"title\", \"pages\" FROM \"books\" WHERE \"book_id\" IN (5, 6, 7)"},
    {"loans of rdr0001 and RDR0002",
     "SELECT \"loan_log\".\"loan_id\" FROM \"loan_log\" JOIN \"readers\" ON \"loan_log\".\"reader_id\" = "
     "\"readers\".\"reader_id\" WHERE lower(\"readers\".\"reader_id\") IN (lower('rdr0001'), lower('RDR0002'))"},
    {"book 5 loans", "SELECT \"loan_log\".\"loan_id\" FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = "
                     "\"books\".\"book_id\" WHERE \"books\".\"book_id\" = 5"},
    {"readers named Ann", "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE concat(' ', "
                          "\"first_name\", ' ', \"last_name\", ' ') ILIKE '% Ann %'"},
    {"How many readers are called Ann Lee?", "SELECT count(*) AS \"readers\" FROM \"readers\" WHERE concat(' ', "
                                             "\"first_name\", ' ', \"last_name\", ' ') ILIKE '% Ann Lee %'"},
    {"loans of Ann Lee", ""}, {"loans of ann lee", ""},
    {"What is the email of Ann Lee?", "SELECT \"email\" FROM \"readers\" WHERE concat(' ', \"first_name\", ' ', "
                                      "\"last_name\", ' ') ILIKE '% Ann Lee %'"},
    {"readers with loans but no fantasy loans",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") AND NOT EXISTS "
     "(SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'fantasy')"},
    {"readers with both crime and poetry loans",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'crime') AND EXISTS (SELECT 1 "
     "FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'poetry')"},
    {"readers with only crime loans",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'crime') AND NOT EXISTS (SELECT "
     "1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND (\"books\".\"genre\" = 'crime') IS NOT TRUE) AND "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")"},
    {"readers who have never loaned a crime book",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "NOT EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND \"books\".\"genre\" = 'crime')"},
    {"top 10% of readers by fines",
     "SELECT \"reader_id\", \"first_name\", \"last_name\", \"fines\" FROM \"readers\" QUALIFY row_number() OVER (ORDER "
     "BY \"fines\" DESC NULLS LAST) <= ceil(10 * count(*) OVER () / 100) ORDER BY \"fines\" DESC NULLS LAST"},
    {"readers who joined more than 10 years ago",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"joined_on\" < DATE '2016-11-28'"},
    {"loans of book 17", "SELECT \"loan_log\".\"loan_id\" FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" "
                         "= \"books\".\"book_id\" WHERE \"books\".\"book_id\" = 17"},
    {"book 17", "SELECT \"book_id\", \"author_id\", \"title\", \"genre\", \"pages\", \"price\", \"published\", "
                "\"keywords\", \"blurb\" FROM \"books\" WHERE \"book_id\" = 17"},
    {"What is the title of book 17?", "SELECT \"title\" FROM \"books\" WHERE \"book_id\" = 17"},
    {"unreturned loans", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"returned_at\" IS NULL"},
    {"open loans", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"returned_at\" IS NULL"},
    {"loans not yet returned", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"returned_at\" IS NULL"},
    {"list all genres", "SELECT DISTINCT \"genre\" FROM \"books\" WHERE \"genre\" IS NOT NULL"},
    {"list the genres of books by Tove Jansson",
     "SELECT DISTINCT \"books\".\"genre\" FROM \"books\" JOIN \"authors\" ON \"books\".\"author_id\" = "
     "\"authors\".\"author_id\" WHERE \"authors\".\"name\" = 'Tove Jansson' AND \"books\".\"genre\" IS NOT NULL"},
    {"readers with an email",
     "SELECT \"reader_id\", \"first_name\", \"last_name\", \"email\" FROM \"readers\" WHERE \"email\" IS NOT NULL"},
    {"readers with emails",
     "SELECT \"reader_id\", \"first_name\", \"last_name\", \"email\" FROM \"readers\" WHERE \"email\" IS NOT NULL"},
    {"books with a price", "SELECT \"book_id\", \"title\", \"price\" FROM \"books\" WHERE \"price\" IS NOT NULL"},
    {"loans in Q1 2024 vs Q1 2025",
     "SELECT date_trunc('quarter', \"loaned_at\")::DATE AS \"quarter\", count(*) AS \"loan_log\" FROM \"loan_log\" "
     "WHERE (\"loaned_at\" >= DATE '2024-01-01' AND \"loaned_at\" < DATE '2024-04-01' OR \"loaned_at\" >= DATE "
     "'2025-01-01' AND \"loaned_at\" < DATE '2025-04-01') GROUP BY date_trunc('quarter', \"loaned_at\")::DATE ORDER BY "
     "date_trunc('quarter', \"loaned_at\")::DATE"},
    {"readers in both Oslo and Bergen",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"city\" IN ('Oslo', 'Bergen')"},
    {"average number of loans per reader",
     "SELECT avg((SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")) AS "
     "\"average\" FROM \"readers\""},
    {"How many loans does a reader have on average?",
     "SELECT avg((SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")) AS "
     "\"average\" FROM \"readers\""},
    {"books whose sale_rate is over 5",
     "SELECT \"books\".\"book_id\", \"books\".\"title\" FROM \"books\" WHERE EXISTS (SELECT 1 FROM \"purchases\" WHERE "
     "\"purchases\".\"book_id\" = \"books\".\"book_id\" AND \"purchases\".\"sale_rate\" > 5)"},
    {"purchases where delivered_on > ordered_on",
     "SELECT \"purchase_id\", \"supplier_name\" FROM \"purchases\" WHERE \"delivered_on\" > \"ordered_on\""},
    {"purchases delivered after they were ordered",
     "SELECT \"purchase_id\", \"supplier_name\" FROM \"purchases\" WHERE \"delivered_on\" > \"ordered_on\""},
    {"most recently joined reader",
     "SELECT \"reader_id\", \"first_name\", \"last_name\", \"joined_on\" FROM \"readers\" WHERE \"joined_on\" IS NOT "
     "NULL ORDER BY \"joined_on\" DESC NULLS LAST LIMIT 1"},
    {"share of renewed loans by librarian",
     "SELECT \"librarian\", round(100.0 * count(*) FILTER (WHERE \"renewed\") / count(*), 2) AS \"percent\" FROM "
     "\"loan_log\" GROUP BY \"librarian\" ORDER BY \"librarian\""},
    {"percentage of crime books in 2024",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"genre\" = 'crime') / count(*), 2) AS \"percent\" FROM \"books\" "
     "WHERE \"published\" >= DATE '2024-01-01' AND \"published\" < DATE '2025-01-01'"},
    {"What share of suspended readers have fines?",
     "SELECT round(100.0 * count(*) FILTER (WHERE \"fines\" > 0) / count(*), 2) AS \"percent\" FROM \"readers\" WHERE "
     "\"status\" = 'suspended'"},
    {"readers that are not from Oslo",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"city\" <> 'Oslo'"},
    {"readers outside Oslo",
     "SELECT \"reader_id\", \"first_name\", \"last_name\" FROM \"readers\" WHERE \"city\" <> 'Oslo'"},
    {"neither crime nor poetry books",
     "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"genre\" NOT IN ('crime', 'poetry')"},
    {"books that are neither crime nor poetry",
     "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"genre\" NOT IN ('crime', 'poetry')"},
    {"3 readers with the most loans",
     "SELECT \"readers\".\"first_name\", \"readers\".\"last_name\", count(*) AS \"loan_log\" FROM \"loan_log\" JOIN "
     "\"readers\" ON \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" GROUP BY \"readers\".\"first_name\", "
     "\"readers\".\"last_name\", \"readers\".\"reader_id\" ORDER BY count(*) DESC NULLS LAST, "
     "\"readers\".\"first_name\", \"readers\".\"last_name\", \"readers\".\"reader_id\" LIMIT 3"},
    {"readers under 30", ""},
    {"twenty oldest readers", "SELECT \"reader_id\", \"first_name\", \"last_name\", \"age\" FROM \"readers\" ORDER BY "
                              "\"age\" DESC NULLS LAST LIMIT 20"},
    {"purchases / supplier", "SELECT \"supplier_name\", count(*) AS \"purchases\" FROM \"purchases\" GROUP BY "
                             "\"supplier_name\" ORDER BY \"supplier_name\""},
    {"readers with no more than 3 loans",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "(SELECT count(*) FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\") <= 3"},
    {"loans where renewed is false", "SELECT \"loan_id\" FROM \"loan_log\" WHERE NOT \"renewed\""},
    {"loans where returned_at is null", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"returned_at\" IS NULL"},
    {"How many loans will we have in 2027?", ""},
    {"who never loaned a book?",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "NOT EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON \"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE "
     "\"loan_log\".\"reader_id\" = \"readers\".\"reader_id\")"},
    {"sum of 'amount' by supplier", "SELECT \"supplier_name\", sum(\"amount\") AS \"total_amount\" FROM \"purchases\" "
                                    "GROUP BY \"supplier_name\" ORDER BY \"supplier_name\""},
    {"readers who loaned in 2024 and in 2025",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"loaned_at\" >= DATE '2024-01-01' AND \"loan_log\".\"loaned_at\" < DATE '2025-01-01') AND EXISTS "
     "(SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"loaned_at\" >= DATE '2025-01-01' AND \"loan_log\".\"loaned_at\" < DATE '2026-01-01')"},
    {"readers who loaned in 2024 but not in 2025",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"loaned_at\" >= DATE '2024-01-01' AND \"loan_log\".\"loaned_at\" < DATE '2025-01-01') AND NOT "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"loaned_at\" >= DATE '2025-01-01' AND \"loan_log\".\"loaned_at\" < DATE '2026-01-01')"},
    {"loans from 2025", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2025-01-01' AND "
                        "\"loaned_at\" < DATE '2026-01-01'"},
    {"loans since 2025", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"loaned_at\" >= DATE '2025-01-01'"},
    {"readers whose loans are all renewed",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"renewed\") AND NOT EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = "
     "\"readers\".\"reader_id\" AND (\"loan_log\".\"renewed\") IS NOT TRUE)"},
    {"loans that are not open", "SELECT \"loan_id\" FROM \"loan_log\" WHERE \"returned_at\" IS NOT NULL"},
    {"readers with no open loans",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "NOT "
     "EXISTS (SELECT 1 FROM \"loan_log\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" AND "
     "\"loan_log\".\"returned_at\" IS NULL)"},
    {"top 1.5% of readers by fines", ""},
    {"books whose title contains isn't", "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"title\" ILIKE '%n''t%'"},
    {"refund loan 5", ""}, {"the longest loan, and who was it", ""}, {"list the readers in Oslo and when", ""},
    {"number of readers by reader", ""}, {"hours per 100 crates", ""}, {"total price of books by librarian", ""},
    {"purchases ordered in 2026 that have been delivered",
     "SELECT \"purchase_id\", \"supplier_name\" FROM \"purchases\" WHERE \"ordered_on\" >= DATE '2026-01-01' AND "
     "\"ordered_on\" < DATE '2027-01-01' AND \"delivered_on\" IS NOT NULL"},
    {"loans renewed within 30 days", ""},
    {"books and their authors", "SELECT \"books\".\"book_id\", \"books\".\"title\", \"authors\".\"name\" FROM "
                                "\"books\" JOIN \"authors\" ON \"books\".\"author_id\" = \"authors\".\"author_id\""},
    {"authors and their books", ""},
    {"books with more than two hundred and fifty pages",
     "SELECT \"book_id\", \"title\" FROM \"books\" WHERE \"pages\" > 250"},
    {"Could you please tell me how many readers there are? Thanks a lot",
     "SELECT count(*) AS \"readers\" FROM \"readers\""},
    {"total value of loans", ""}, {"please delete reader 5", ""},
    {"readers with renewed loans of crime books",
     "SELECT \"readers\".\"reader_id\", \"readers\".\"first_name\", \"readers\".\"last_name\" FROM \"readers\" WHERE "
     "EXISTS (SELECT 1 FROM \"loan_log\" JOIN \"books\" ON "
     "\"loan_log\".\"book_id\" = \"books\".\"book_id\" WHERE \"loan_log\".\"reader_id\" = \"readers\".\"reader_id\" "
     "AND \"loan_log\".\"renewed\" AND \"books\".\"genre\" = 'crime')"},
    {"average age of books", ""},
