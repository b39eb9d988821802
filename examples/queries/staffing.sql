-- How many rows does each table of the lake hold?
SELECT 'candidates' AS "table", count(*) AS "rows" FROM candidates
UNION ALL SELECT 'clients', count(*) FROM clients
UNION ALL SELECT 'job_orders', count(*) FROM job_orders
UNION ALL SELECT 'placements', count(*) FROM placements
UNION ALL SELECT 'timesheets', count(*) FROM timesheets
UNION ALL SELECT 'call_log', count(*) FROM call_log
UNION ALL SELECT 'email_log', count(*) FROM email_log;

-- Which verticals earn the most margin?
SELECT j.vertical, count(DISTINCT p.placement_id) AS placements, round(sum(t.regular_hours * (p.bill_rate - p.pay_rate))) AS margin
FROM timesheets t JOIN placements p USING (placement_id) JOIN job_orders j USING (job_order_id)
GROUP BY j.vertical ORDER BY margin DESC;

-- Who are the five busiest recruiters, and how often do they get through?
SELECT recruiter, count(*) AS calls, round(100.0 * count(*) FILTER (outcome = 'connected') / count(*), 1) AS connected_percent
FROM call_log GROUP BY recruiter ORDER BY calls DESC, recruiter LIMIT 5;

-- Which available people know wound care and have ten years or more?
SELECT candidate_id, first_name, last_name, city, years_experience, salary
FROM candidates
WHERE status = 'available' AND skills LIKE '%wound care%' AND years_experience >= 10
ORDER BY years_experience DESC, candidate_id LIMIT 5;

-- How many hours did clients buy in each quarter of 2025?
SELECT quarter(week_ending) AS quarter, sum(regular_hours + overtime_hours) AS hours, count(DISTINCT p.client_id) AS clients
FROM timesheets t JOIN placements p USING (placement_id)
WHERE year(week_ending) = 2025 GROUP BY ALL ORDER BY quarter;
