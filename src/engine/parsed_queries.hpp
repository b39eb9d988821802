/* What was parsed, by its text: a lake's statements put the same few relations in. All is forgotten when there is much.
 * Any thread. */
#ifndef LH_ENGINE_PARSED_QUERIES_HPP
#define LH_ENGINE_PARSED_QUERIES_HPP
#include <mutex>

#include <duckdb/parser/statement/select_statement.hpp>

class ParsedQueries {
  public:
    using Parse = duckdb::unique_ptr<duckdb::SelectStatement> (*)(const std::string &text); /* nullptr: not one query */

    duckdb::unique_ptr<duckdb::SelectStatement> Get(const std::string &text, Parse parse) {
        auto parsed = Find(text);
        if (!parsed) parsed = Keep(text, parse(text));
        if (!parsed) return nullptr;
        return duckdb::unique_ptr_cast<duckdb::SQLStatement, duckdb::SelectStatement>(parsed->Copy());
    }

  private:
    using Parsed = duckdb::shared_ptr<const duckdb::SelectStatement>;
    static constexpr size_t BYTES_MAX = 256 << 10, QUERY_MAX = 16 << 10; /* of text */
    std::mutex lock;
    std::unordered_map<std::string, Parsed> queries;
    size_t bytes = 0;

    Parsed Find(const std::string &text) {
        std::lock_guard<std::mutex> guard(lock);
        auto found = queries.find(text);
        return found == queries.end() ? nullptr : found->second;
    }

    Parsed Keep(const std::string &text, duckdb::unique_ptr<duckdb::SelectStatement> query) {
        Parsed parsed(std::move(query));
        if (!parsed || text.size() > QUERY_MAX) return parsed;
        std::lock_guard<std::mutex> guard(lock);
        if (bytes + text.size() > BYTES_MAX) {
            queries.clear();
            bytes = 0;
        }
        if (queries.emplace(text, parsed).second) bytes += text.size();
        return parsed;
    }
};

#endif
