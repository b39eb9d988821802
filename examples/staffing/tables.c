/* The seven tables. Row n of a table is drawn from rng_for(seed, table, n); what another table needs of it
 * (a job order's client, a placement's dates) comes from the same draw again, in the shape_* functions. */
#include "staffing.h"

#include <string.h>

enum { DAY_FIRST = 18993 /* 2022-01-01 */, DAY_LAST = 20453 /* 2025-12-31 */ };

static void put_id(writer *w, const char *name, const char *prefix, int64_t n) {
    char id[32];
    snprintf(id, sizeof id, "%s%06lld", prefix, (long long)n);
    put_text(w, name, id);
}

/* ---- clients, job orders, placements: what others refer to ---- */

typedef struct job_shape {
    int64_t client, opened_day;
    const vertical *vertical;
    int64_t bill_cents;
} job_shape;
static job_shape shape_job(const firm *f, int64_t n) {
    rng r = rng_for(f->seed, TABLE_JOB_ORDERS, (uint64_t)n);
    job_shape job = {.client = 1 + (int64_t)rng_below(&r, (uint64_t)f->clients)};
    job.opened_day = rng_between(&r, DAY_FIRST, DAY_LAST - 120);
    job.vertical = &verticals[rng_below(&r, VERTICALS)];
    job.bill_cents = rng_between(&r, job.vertical->hourly_low * 130, job.vertical->hourly_high * 150);
    return job;
}

typedef struct placement_shape {
    int64_t job, candidate, start_day, end_day, pay_cents;
} placement_shape;
static placement_shape shape_placement(const firm *f, int64_t n) {
    rng r = rng_for(f->seed, TABLE_PLACEMENTS, (uint64_t)n);
    placement_shape p = {.job = 1 + (int64_t)rng_below(&r, (uint64_t)f->job_orders),
                         .candidate = 1 + (int64_t)rng_below(&r, (uint64_t)f->candidates)};
    job_shape job = shape_job(f, p.job);
    p.start_day = job.opened_day + rng_between(&r, 3, 45);
    p.end_day = p.start_day + rng_between(&r, 28, 365);
    p.pay_cents = job.bill_cents * rng_between(&r, 66, 80) / 100;
    return p;
}

static const vertical *candidate_vertical(const firm *f, int64_t n) {
    rng r = rng_for(f->seed, TABLE_CANDIDATES, (uint64_t)n);
    return &verticals[rng_below(&r, VERTICALS)];
}

bool write_clients(const firm *f, const char *folder, bool ndjson) {
    static const char *const kinds[] = {"Health",   "Logistics",     "Systems",      "Foods",
                                        "Partners", "Manufacturing", "Credit Union", "Labs"};
    static const char *const ends[] = {"Inc.", "LLC", "Group", "& Sons", "Corp."};
    writer w;
    if (!writer_open(&w, folder, "clients", ndjson,
                     "client_id,name,industry,city,state,tier,contact_name,contact_email,credit_limit,since"))
        return false;
    for (int64_t n = 1; n <= f->clients; n++) {
        rng r = rng_for(f->seed, TABLE_CLIENTS, (uint64_t)n);
        const city *where = &cities[rng_below(&r, CITIES)];
        const char *owner = last_names[rng_below(&r, LAST_NAMES)], *first = first_names[rng_below(&r, FIRST_NAMES)];
        char text[200];
        row_begin(&w);
        put_id(&w, "client_id", "CLI", n);
        snprintf(text, sizeof text, "%s %s%s %s", owner, kinds[rng_below(&r, 8)], rng_chance(&r, 30) ? "," : "",
                 ends[rng_below(&r, 5)]);
        put_text(&w, "name", text);
        put_text(&w, "industry", verticals[rng_below(&r, VERTICALS)].name);
        put_text(&w, "city", where->name);
        put_text(&w, "state", where->state);
        put_text(&w, "tier", (const char *const[]){"gold", "silver", "bronze"}[rng_below(&r, 3)]);
        snprintf(text, sizeof text, "%s %s", first, owner);
        put_text(&w, "contact_name", text);
        snprintf(text, sizeof text, "contact%lld@client%lld.example", (long long)n, (long long)n);
        put_text(&w, "contact_email", text);
        if (rng_chance(&r, 10)) put_null(&w, "credit_limit");
        else put_int(&w, "credit_limit", rng_between(&r, 5, 200) * 5000);
        put_date(&w, "since", rng_between(&r, DAY_FIRST - 3000, DAY_FIRST));
        row_end(&w);
    }
    return writer_close(&w);
}

bool write_candidates(const firm *f, const char *folder, bool ndjson) {
    static const char *const statuses[] = {"available", "available", "placed", "placed", "inactive", "blocked"};
    writer w;
    if (!writer_open(&w, folder, "candidates", ndjson,
                     "candidate_id,first_name,last_name,email,phone,city,state,zip,vertical,skills,years_experience,"
                     "salary,status,resume_text,created_at"))
        return false;
    for (int64_t n = 1; n <= f->candidates; n++) {
        rng r = rng_for(f->seed, TABLE_CANDIDATES, (uint64_t)n);
        const vertical *v = &verticals[rng_below(&r, VERTICALS)]; /* first, as in candidate_vertical() */
        const city *where = &cities[rng_below(&r, CITIES)];
        const char *first = first_names[rng_below(&r, FIRST_NAMES)];
        int years = (int)rng_between(&r, 0, 35);
        char text[1024];
        row_begin(&w);
        put_id(&w, "candidate_id", "CAN", n);
        put_text(&w, "first_name", first);
        put_text(&w, "last_name", last_names[rng_below(&r, LAST_NAMES)]);
        snprintf(text, sizeof text, "candidate%lld@mail%d.example", (long long)n, (int)rng_below(&r, 20));
        put_text(&w, "email", rng_chance(&r, 2) ? NULL : text);
        snprintf(text, sizeof text, "(%03d) 555-%04d", (int)rng_between(&r, 201, 989), (int)rng_below(&r, 10000));
        put_text(&w, "phone", rng_chance(&r, 4) ? NULL : text);
        put_text(&w, "city", where->name);
        put_text(&w, "state", where->state);
        snprintf(text, sizeof text, "%05d", where->zip_first + (int)rng_below(&r, 60));
        put_text(&w, "zip", text);
        put_text(&w, "vertical", v->name);
        size_t skill = rng_below(&r, VERTICAL_SKILLS), used = 0;
        for (uint64_t left = 2 + rng_below(&r, 4); left; left--, skill = (skill + 5) % VERTICAL_SKILLS)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "", v->skills[skill]);
        put_text(&w, "skills", text);
        put_int(&w, "years_experience", years);
        if (rng_chance(&r, 5)) put_null(&w, "salary");
        else
            put_int(&w, "salary",
                    (v->hourly_low + (v->hourly_high - v->hourly_low) * years / 40) * 2080 +
                        rng_between(&r, -3000, 6000));
        put_text(&w, "status", statuses[rng_below(&r, 6)]);
        write_resume(&r, v, first, years, where->name, text);
        put_text(&w, "resume_text", text);
        put_time(&w, "created_at", rng_between(&r, DAY_FIRST * 86400LL, DAY_LAST * 86400LL));
        row_end(&w);
    }
    return writer_close(&w);
}

bool write_job_orders(const firm *f, const char *folder, bool ndjson) {
    writer w;
    if (!writer_open(&w, folder, "job_orders", ndjson,
                     "job_order_id,client_id,title,vertical,openings,bill_rate,status,opened_on,closed_on"))
        return false;
    for (int64_t n = 1; n <= f->job_orders; n++) {
        job_shape job = shape_job(f, n);
        rng r = rng_for(f->seed, TABLE_JOB_ORDERS + 100, (uint64_t)n);
        bool open = rng_chance(&r, 20);
        row_begin(&w);
        put_id(&w, "job_order_id", "JOB", n);
        put_id(&w, "client_id", "CLI", job.client);
        put_text(&w, "title", job.vertical->titles[rng_below(&r, VERTICAL_TITLES)]);
        put_text(&w, "vertical", job.vertical->name);
        put_int(&w, "openings", rng_between(&r, 1, 12));
        put_cents(&w, "bill_rate", job.bill_cents);
        put_text(&w, "status", open ? "open" : rng_chance(&r, 80) ? "filled" : "cancelled");
        put_date(&w, "opened_on", job.opened_day);
        if (open) put_null(&w, "closed_on");
        else put_date(&w, "closed_on", job.opened_day + rng_between(&r, 5, 90));
        row_end(&w);
    }
    return writer_close(&w);
}

bool write_placements(const firm *f, const char *folder, bool ndjson) {
    writer w;
    if (!writer_open(&w, folder, "placements", ndjson,
                     "placement_id,job_order_id,candidate_id,client_id,start_date,end_date,pay_rate,bill_rate,status"))
        return false;
    for (int64_t n = 1; n <= f->placements; n++) {
        placement_shape p = shape_placement(f, n);
        job_shape job = shape_job(f, p.job);
        row_begin(&w);
        put_id(&w, "placement_id", "PLA", n);
        put_id(&w, "job_order_id", "JOB", p.job);
        put_id(&w, "candidate_id", "CAN", p.candidate);
        put_id(&w, "client_id", "CLI", job.client);
        put_date(&w, "start_date", p.start_day);
        if (p.end_day > DAY_LAST) put_null(&w, "end_date");
        else put_date(&w, "end_date", p.end_day);
        put_cents(&w, "pay_rate", p.pay_cents);
        put_cents(&w, "bill_rate", job.bill_cents);
        put_text(&w, "status", p.end_day > DAY_LAST ? "active" : "ended");
        row_end(&w);
    }
    return writer_close(&w);
}

bool write_timesheets(const firm *f, const char *folder, bool ndjson) {
    writer w;
    if (!writer_open(&w, folder, "timesheets", ndjson,
                     "timesheet_id,placement_id,candidate_id,week_ending,regular_hours,overtime_hours,amount,approved"))
        return false;
    for (int64_t n = 1; n <= f->timesheets; n++) {
        rng r = rng_for(f->seed, TABLE_TIMESHEETS, (uint64_t)n);
        int64_t placement = 1 + (n - 1) % f->placements; /* every placement has its weeks */
        placement_shape p = shape_placement(f, placement);
        int64_t weeks = (p.end_day - p.start_day) / 7, quarters = rng_between(&r, 64, 160),
                overtime = rng_chance(&r, 25) ? rng_between(&r, 1, 40) : 0;
        row_begin(&w);
        put_int(&w, "timesheet_id", n);
        put_id(&w, "placement_id", "PLA", placement);
        put_id(&w, "candidate_id", "CAN", p.candidate);
        put_date(&w, "week_ending", p.start_day + 7 * (1 + (int64_t)rng_below(&r, (uint64_t)weeks)));
        put_cents(&w, "regular_hours", quarters * 25);
        put_cents(&w, "overtime_hours", overtime * 25);
        put_cents(&w, "amount", (quarters * p.pay_cents + overtime * p.pay_cents * 3 / 2) / 4);
        put_text(&w, "approved", rng_chance(&r, 93) ? "true" : "false");
        row_end(&w);
    }
    return writer_close(&w);
}

bool write_call_log(const firm *f, const char *folder, bool ndjson) {
    static const char *const outcomes[] = {"connected", "connected",    "voicemail",
                                           "no answer", "wrong number", "callback"};
    writer w;
    if (!writer_open(&w, folder, "call_log", ndjson,
                     "call_id,candidate_id,recruiter,direction,started_at,duration_seconds,outcome,notes"))
        return false;
    for (int64_t n = 1; n <= f->calls; n++) {
        rng r = rng_for(f->seed, TABLE_CALLS, (uint64_t)n);
        int64_t candidate = 1 + (int64_t)rng_below(&r, (uint64_t)f->candidates);
        const char *outcome = outcomes[rng_below(&r, 6)];
        bool talked = strcmp(outcome, "connected") == 0 || strcmp(outcome, "callback") == 0;
        char text[1024];
        row_begin(&w);
        put_int(&w, "call_id", n);
        put_id(&w, "candidate_id", "CAN", candidate);
        snprintf(text, sizeof text, "recruiter%02d", (int)rng_between(&r, 1, 40));
        put_text(&w, "recruiter", text);
        put_text(&w, "direction", rng_chance(&r, 70) ? "outbound" : "inbound");
        put_time(&w, "started_at", rng_between(&r, DAY_FIRST * 86400LL, DAY_LAST * 86400LL));
        put_int(&w, "duration_seconds", talked ? rng_between(&r, 20, 1800) : rng_between(&r, 0, 30));
        put_text(&w, "outcome", outcome);
        if (talked) write_call_notes(&r, candidate_vertical(f, candidate), outcome, text);
        put_text(&w, "notes", talked ? text : NULL);
        row_end(&w);
    }
    return writer_close(&w);
}

bool write_email_log(const firm *f, const char *folder, bool ndjson) {
    writer w;
    if (!writer_open(&w, folder, "email_log", ndjson,
                     "email_id,candidate_id,job_order_id,recruiter,sent_at,subject,opened,replied"))
        return false;
    for (int64_t n = 1; n <= f->emails; n++) {
        rng r = rng_for(f->seed, TABLE_EMAILS, (uint64_t)n);
        int64_t job = 1 + (int64_t)rng_below(&r, (uint64_t)f->job_orders);
        bool opened = rng_chance(&r, 55);
        char text[1024];
        row_begin(&w);
        put_int(&w, "email_id", n);
        put_id(&w, "candidate_id", "CAN", 1 + (int64_t)rng_below(&r, (uint64_t)f->candidates));
        put_id(&w, "job_order_id", "JOB", job);
        snprintf(text, sizeof text, "recruiter%02d", (int)rng_between(&r, 1, 40));
        put_text(&w, "recruiter", text);
        put_time(&w, "sent_at", rng_between(&r, DAY_FIRST * 86400LL, DAY_LAST * 86400LL));
        write_subject(&r, shape_job(f, job).vertical, text);
        put_text(&w, "subject", text);
        put_text(&w, "opened", opened ? "true" : "false");
        put_text(&w, "replied", opened && rng_chance(&r, 30) ? "true" : "false");
        row_end(&w);
    }
    return writer_close(&w);
}
