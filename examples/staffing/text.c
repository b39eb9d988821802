/* The words: names, places, verticals with their titles and skills, and sentences made of them. */
#include "staffing.h"

#include <string.h>

const vertical verticals[VERTICALS] = {
    {"healthcare",
     {"Registered Nurse", "Medical Assistant", "Physical Therapist", "Phlebotomist", "Surgical Technologist",
      "Case Manager"},
     {"patient care", "IV therapy", "electronic health records", "triage", "medication administration", "BLS", "ACLS",
      "wound care", "vital signs", "HIPAA", "phlebotomy", "discharge planning"},
     22,
     68},
    {"information technology",
     {"Backend Developer", "Data Engineer", "Support Analyst", "DevOps Engineer", "QA Engineer", "Security Analyst"},
     {"Python", "SQL", "Kubernetes", "Linux", "Terraform", "Java", "incident response", "Apache Spark", "PostgreSQL",
      "CI/CD", "TypeScript", "C++"},
     35,
     110},
    {"light industrial",
     {"Forklift Operator", "Warehouse Associate", "Machine Operator", "Shipping Clerk", "Maintenance Technician",
      "Line Lead"},
     {"forklift certification", "pallet jack", "RF scanner", "5S", "lockout/tagout", "quality inspection",
      "CNC operation", "inventory counts", "OSHA 10", "packing", "preventive maintenance", "welding"},
     16,
     38},
    {"finance",
     {"Staff Accountant", "Accounts Payable Clerk", "Payroll Specialist", "Financial Analyst", "Controller",
      "Credit Analyst"},
     {"QuickBooks", "month-end close", "reconciliations", "GAAP", "Excel", "NetSuite", "payroll", "budgeting",
      "audit support", "forecasting", "SAP", "sales tax"},
     24,
     85},
    {"administrative",
     {"Executive Assistant", "Office Manager", "Receptionist", "Data Entry Clerk", "Customer Service Representative",
      "HR Coordinator"},
     {"calendar management", "travel booking", "Microsoft Office", "data entry", "customer service", "onboarding",
      "filing", "event planning", "multi-line phones", "minutes", "Spanish", "scheduling"},
     17,
     42},
    {"engineering",
     {"Mechanical Engineer", "Electrical Designer", "Civil Engineer", "Quality Engineer", "Process Engineer",
      "CAD Drafter"},
     {"SolidWorks", "AutoCAD", "GD&T", "PLC programming", "root cause analysis", "Six Sigma", "FMEA", "Revit",
      "project management", "MATLAB", "tolerance analysis", "schematics"},
     32,
     98},
};

const char *const first_names[FIRST_NAMES] = {
    "James",   "Mary",    "Robert",  "Patricia",  "John",   "Jennifer", "Michael", "Linda", "David",  "Elizabeth",
    "William", "Barbara", "Richard", "Susan",     "Joseph", "Jessica",  "Thomas",  "Karen", "Carlos", "Sofía",
    "Luis",    "Camila",  "José",    "Valentina", "Wei",    "Mei",      "Hiroshi", "Yuki",  "Raj",    "Priya",
    "Arjun",   "Ananya",  "Omar",    "Fatima",    "Ahmed",  "Layla",    "Kwame",   "Amara", "Tunde",  "Zainab",
    "Zoë",     "Chloé",   "Björn",   "Astrid",    "Dmitri", "Olga",     "Siobhán", "Liam"};

const char *const last_names[LAST_NAMES] = {
    "Smith",     "Johnson",  "Williams",  "Brown",    "Jones",    "Garcia",   "Miller",   "Davis",
    "Rodríguez", "Martínez", "Hernández", "Lopez",    "Gonzalez", "Wilson",   "Anderson", "Thomas",
    "Taylor",    "Moore",    "Jackson",   "Martin",   "Lee",      "Perez",    "Thompson", "White",
    "Harris",    "Sanchez",  "Clark",     "Ramirez",  "Lewis",    "Robinson", "O'Brien",  "O'Connor",
    "Nguyen",    "Tran",     "Patel",     "Singh",    "Kim",      "Park",     "Chen",     "Wang",
    "Yamamoto",  "Müller",   "Schmidt",   "Kowalski", "Novák",    "Okafor",   "Mensah",   "Haddad"};

const city cities[CITIES] = {{"New York", "NY", 10001},  {"Buffalo", "NY", 14201},      {"Los Angeles", "CA", 90001},
                             {"San Diego", "CA", 92101}, {"Sacramento", "CA", 94203},   {"Chicago", "IL", 60601},
                             {"Houston", "TX", 77001},   {"Dallas", "TX", 75201},       {"Austin", "TX", 73301},
                             {"Phoenix", "AZ", 85001},   {"Philadelphia", "PA", 19101}, {"Pittsburgh", "PA", 15201},
                             {"Columbus", "OH", 43085},  {"Cleveland", "OH", 44101},    {"Charlotte", "NC", 28201},
                             {"Atlanta", "GA", 30301},   {"Miami", "FL", 33101},        {"Tampa", "FL", 33601},
                             {"Seattle", "WA", 98101},   {"Denver", "CO", 80201},       {"Boston", "MA", 2108},
                             {"Nashville", "TN", 37201}, {"Detroit", "MI", 48201},      {"Minneapolis", "MN", 55401}};

static const char *pick(rng *r, const char *const *words, size_t count) { return words[rng_below(r, count)]; }
#define PICK(r, words) pick((r), (words), sizeof(words) / sizeof *(words))

/* `form` with its '#' replaced. */
static void word(char *into, size_t room, const char *form, const char *value) {
    const char *at = strchr(form, '#');
    snprintf(into, room, "%.*s%s%s", (int)(at - form), form, value, at + 1);
}

static void number(char *into, size_t room, const char *form, int64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    word(into, room, form, digits);
}

void write_resume(rng *r, const vertical *v, const char *first, int years, const char *town, char *into) {
    static const char *const openings[] = {"brings", "offers", "has", "is proud of"};
    static const char *const traits[] = {"dependable",     "detail-minded",         "calm under pressure",
                                         "quick to learn", "a natural team player", "known for follow-through"};
    static const char *const wins[] = {"cut turnaround time by # percent", "trained # new colleagues",
                                       "kept error rates under # per thousand", "supported a team of #",
                                       "handled # requests a week"};
    static const char *const goals[] = {
        "Looking for a permanent role close to home.", "Open to contract or contract-to-hire.",
        "Prefers day shifts; weekends on request.", "Available two weeks after an offer.",
        "Willing to relocate for the right team."};
    const char *title = v->titles[rng_below(r, VERTICAL_TITLES)];
    size_t a = rng_below(r, VERTICAL_SKILLS), b = (a + 1 + rng_below(r, VERTICAL_SKILLS - 1)) % VERTICAL_SKILLS;
    char win[96];
    number(win, sizeof win, PICK(r, wins), rng_between(r, 3, 40));
    const char *quote = rng_chance(r, 20) ? " A former manager writes: \"the person we call first\"." : "";
    const char *line = rng_chance(r, 15) ? "\n" : " ";
    snprintf(
        into, 1024,
        "%s %s %d year%s of experience as a %s in %s.%sDaily work with %s, %s and %s; %s.%s In the last role, %s. %s",
        first, PICK(r, openings), years, years == 1 ? "" : "s", title, town, line, v->skills[a], v->skills[b],
        v->skills[rng_below(r, VERTICAL_SKILLS)], PICK(r, traits), quote, win, PICK(r, goals));
}

void write_call_notes(rng *r, const vertical *v, const char *outcome, char *into) {
    static const char *const endings[] = {"will call back after 5 pm",    "asked for the rate in writing",
                                          "wants to start in two weeks",  "sent the updated résumé",
                                          "interview moved to next week", "no longer interested",
                                          "reference check is done"};
    snprintf(into, 1024, "%s: spoke about the %s opening, needs %s; %s.", outcome,
             v->titles[rng_below(r, VERTICAL_TITLES)], v->skills[rng_below(r, VERTICAL_SKILLS)], PICK(r, endings));
}

void write_subject(rng *r, const vertical *v, char *into) {
    static const char *const forms[] = {"New # opening, starts Monday", "Re: # interview",
                                        "Your timesheet for the # assignment", "#: next steps, rate and shift",
                                        "Fwd: references for the # role"};
    word(into, 1024, PICK(r, forms), v->titles[rng_below(r, VERTICAL_TITLES)]);
}
