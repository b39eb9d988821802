/* See tree_shim.h. The walk finds the slots first, all of them, and changes nothing; so whatever is not known here leaves
 * the statement as it was. Each switch over kinds of nodes names those that it knows and refuses the rest: a later DuckDB
 * may have more, and what it would read through them must not go by.
 *
 * Scopes of WITH, as DuckDB's binder has them: a query sees those before it in its list and all of the lists around it,
 * never itself; only the second half of a recursive one sees its own name (and as recurring.name the whole of it so far,
 * when it has a key). A name with a schema is a table's, but for that one. */
#include "engine/tree_shim.h"
#include "engine/parsed_queries.hpp"

#include <cstdio>

#include <duckdb/common/extra_type_info.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/parser/constraints/list.hpp>
#include <duckdb/parser/expression/list.hpp>
#include <duckdb/parser/parsed_data/alter_table_info.hpp>
#include <duckdb/parser/parsed_data/create_table_info.hpp>
#include <duckdb/parser/parsed_data/create_type_info.hpp>
#include <duckdb/parser/parsed_data/create_view_info.hpp>
#include <duckdb/parser/parsed_data/drop_info.hpp>
#include <duckdb/parser/parsed_expression_iterator.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/query_node/list.hpp>
#include <duckdb/parser/statement/list.hpp>
#include <duckdb/parser/statement/multi_statement.hpp>
#include <duckdb/parser/tableref/list.hpp>

using namespace duckdb;

namespace {

struct Unknown {
    string kind;
    optional_idx place;
};

/* ---- names of columns ---- */

/* Names of result columns are what the user wrote, also where they quote a query: (SELECT max(x) FROM t). */
class Namer {
  public:
    bool possible = true;

    void Visit(SelectNode &node) {
        for (auto &expression : node.select_list) {
            bool query = false, star = false;
            if (expression->GetExpressionClass() == ExpressionClass::STAR) continue; /* named by what it reads */
            Look(*expression, query, star);
            if (!query || !expression->GetAlias().empty()) continue;
            if (star) possible = false; /* one expression, several names */
            else names.emplace_back(*expression, expression->GetName());
        }
    }
    void Apply() {
        for (auto &name : names) name.first.get().SetAlias(name.second);
    }

  private:
    vector<std::pair<reference<ParsedExpression>, string>> names;

    void Look(const ParsedExpression &expression, bool &query, bool &star) {
        query |= expression.GetExpressionClass() == ExpressionClass::SUBQUERY;
        star |= expression.GetExpressionClass() == ExpressionClass::STAR;
        ParsedExpressionIterator::EnumerateChildren(expression,
                                                    [&](const ParsedExpression &child) { Look(child, query, star); });
    }
};

/* ---- the walk ---- */

/* A list of names, inner ones first; those of outer scopes are shared. */
struct Scope {
    const Scope *outer;
    string name;
    bool keyed; /* may be read as recurring.name, too */
};

struct Slot {
    unique_ptr<TableRef> *ref; /* NULL: a target that is no reference */
    string catalog, schema, table, alias, at;
    optional_idx place;
    size_t statement;
    tree_use use;
    bool described, sampled;
    tree_change change = TREE_OTHER;
    vector<string> columns = {};                       /* of a target */
    InsertStatement *insert = nullptr;                 /* … */
    bool joined = false;                               /* … an UPDATE's FROM, a DELETE's USING */
    string *names[3] = {nullptr, nullptr, nullptr};    /* … as the statement has them; NULL: they cannot be others */
    unique_ptr<ParsedExpression> *condition = nullptr; /* … */
};

class Walker {
  public:
    std::deque<Slot> slots;
    Namer namer;
    vector<reference<SampleOptions>> samples;
    vector<reference<ColumnRefExpression>> long_names; /* a.b.c and longer */
    case_insensitive_set_t qualifiers;                 /* first names of columns a.b and longer: could be a schema's */
    size_t statement = 0;
    bool forget_places = false; /* of a query that does not stand in the user's text */

    void Visit(SQLStatement &at);
    void Visit(QueryNode &node, const Scope *scope);

  private:
    std::deque<Scope> scopes; /* all that there were: stable places */
    bool described = false;

    const Scope *Push(const Scope *outer, const string &name, bool keyed = false) {
        scopes.push_back({outer, name, keyed});
        return &scopes.back();
    }
    static bool IsQueryName(const BaseTableRef &ref, const Scope *scope);
    const Scope *VisitWith(CommonTableExpressionMap &ctes, const Scope *scope);
    void VisitSelect(SelectNode &node, const Scope *scope);
    void VisitRecursive(RecursiveCTENode &node, const Scope *scope);
    void VisitModifier(ResultModifier &modifier, const Scope *scope);
    void VisitRef(unique_ptr<TableRef> &ref, const Scope *scope);
    void VisitTable(unique_ptr<TableRef> &ref, const Scope *scope);
    void VisitJoin(JoinRef &join, const Scope *scope);
    void VisitPivot(PivotRef &pivot, const Scope *scope);
    void VisitShow(unique_ptr<TableRef> &ref, const Scope *scope);
    void VisitQuery(unique_ptr<SelectStatement> &query, const Scope *scope) {
        if (query) Visit(*query->node, scope);
    }
    void VisitExpression(ParsedExpression &expression, const Scope *scope);
    void VisitType(const LogicalType &type, const Scope *scope);
    void VisitOne(unique_ptr<ParsedExpression> &expression, const Scope *scope) {
        if (expression) VisitExpression(*expression, scope);
    }
    void VisitList(vector<unique_ptr<ParsedExpression>> &list, const Scope *scope) {
        for (auto &expression : list) VisitOne(expression, scope);
    }
    void VisitSet(unique_ptr<UpdateSetInfo> &set, const Scope *scope) {
        if (!set) return;
        VisitOne(set->condition, scope);
        VisitList(set->expressions, scope);
    }
    void VisitInsert(InsertStatement &insert);
    void VisitUpdate(UpdateStatement &update);
    void VisitDelete(DeleteStatement &remove);
    void VisitMerge(MergeIntoStatement &merge);
    void VisitCreate(CreateInfo &info);
    void VisitCreateTable(CreateTableInfo &info);
    void VisitColumn(const ColumnDefinition &column);
    void VisitAlter(AlterInfo &info);
    void Target(const string &catalog, const string &schema, const string &table, tree_change change) {
        slots.push_back(
            {nullptr, catalog, schema, table, "", "", optional_idx(), statement, TREE_TARGET, false, false, change});
    }
    void Names(string &catalog, string &schema, string &table) {
        string *names[3] = {&catalog, &schema, &table};
        std::copy(names, names + 3, slots.back().names);
    }
    void Target(TableRef &ref, tree_change change);
};

/* Names of WITH hide tables, but not the targets of changes. */
bool Walker::IsQueryName(const BaseTableRef &ref, const Scope *scope) {
    bool recurring = StringUtil::CIEquals(ref.schema_name, "recurring");
    if (!ref.catalog_name.empty() || (!ref.schema_name.empty() && !recurring)) return false;
    bool hidden = false; /* recurring.t where a nearer t is none: nobody can tell which is meant */
    for (; scope; scope = scope->outer) {
        if (!StringUtil::CIEquals(scope->name, ref.table_name)) continue;
        if (hidden && scope->keyed) throw Unknown{"recurring", ref.query_location};
        if (!recurring || scope->keyed) return true;
        hidden = true;
    }
    return false;
}

const Scope *Walker::VisitWith(CommonTableExpressionMap &ctes, const Scope *scope) {
    for (auto &cte : ctes.map) {
        VisitList(cte.second->key_targets, scope);
        VisitQuery(cte.second->query, scope);
        scope = Push(scope, cte.first);
    }
    return scope;
}

void Walker::VisitSelect(SelectNode &node, const Scope *scope) {
    namer.Visit(node);
    if (node.sample) samples.push_back(*node.sample);
    VisitList(node.select_list, scope);
    if (node.from_table) VisitRef(node.from_table, scope);
    VisitOne(node.where_clause, scope);
    VisitList(node.groups.group_expressions, scope);
    VisitOne(node.having, scope);
    VisitOne(node.qualify, scope);
}

void Walker::VisitRecursive(RecursiveCTENode &node, const Scope *scope) {
    VisitList(node.key_targets, scope);
    Visit(*node.left, scope);
    Visit(*node.right, Push(scope, node.ctename, !node.key_targets.empty()));
}

void Walker::VisitModifier(ResultModifier &modifier, const Scope *scope) {
    switch (modifier.type) {
    case ResultModifierType::LIMIT_MODIFIER:
        VisitOne(modifier.Cast<LimitModifier>().limit, scope);
        VisitOne(modifier.Cast<LimitModifier>().offset, scope);
        return;
    case ResultModifierType::LIMIT_PERCENT_MODIFIER:
        VisitOne(modifier.Cast<LimitPercentModifier>().limit, scope);
        VisitOne(modifier.Cast<LimitPercentModifier>().offset, scope);
        return;
    case ResultModifierType::ORDER_MODIFIER:
        for (auto &order : modifier.Cast<OrderModifier>().orders) VisitOne(order.expression, scope);
        return;
    case ResultModifierType::DISTINCT_MODIFIER:
        VisitList(modifier.Cast<DistinctModifier>().distinct_on_targets, scope);
        return;
    default: throw Unknown{"modifier", optional_idx()};
    }
}

void Walker::Visit(QueryNode &node, const Scope *scope) {
    scope = VisitWith(node.cte_map, scope);
    switch (node.type) {
    case QueryNodeType::SELECT_NODE: VisitSelect(node.Cast<SelectNode>(), scope); break;
    case QueryNodeType::SET_OPERATION_NODE:
        for (auto &child : node.Cast<SetOperationNode>().children) Visit(*child, scope);
        break;
    case QueryNodeType::RECURSIVE_CTE_NODE: VisitRecursive(node.Cast<RecursiveCTENode>(), scope); break;
    case QueryNodeType::CTE_NODE: {
        auto &cte = node.Cast<CTENode>();
        Visit(*cte.query, scope);
        scope = Push(scope, cte.ctename);
        Visit(*cte.child, scope);
        break;
    }
    default: throw Unknown{"query node", optional_idx()};
    }
    for (auto &modifier : node.modifiers) VisitModifier(*modifier, scope);
}

void Walker::VisitTable(unique_ptr<TableRef> &ref, const Scope *scope) {
    auto &table = ref->Cast<BaseTableRef>();
    if (table.at_clause) {
        size_t before = slots.size();
        VisitOne(table.at_clause->ExpressionMutable(), scope);
        if (slots.size() != before) throw Unknown{"query in AT", table.query_location};
    }
    if (IsQueryName(table, scope)) return;
    slots.push_back({&ref, table.catalog_name, table.schema_name, table.table_name, table.alias,
                     table.at_clause ? table.at_clause->ToString() : "", table.query_location, statement, TREE_READ,
                     described, table.sample != nullptr});
}

void Walker::VisitJoin(JoinRef &join, const Scope *scope) {
    VisitRef(join.left, scope);
    VisitRef(join.right, scope);
    VisitOne(join.condition, scope);
    VisitList(join.duplicate_eliminated_columns, scope);
}

void Walker::VisitPivot(PivotRef &pivot, const Scope *scope) {
    VisitRef(pivot.source, scope);
    VisitList(pivot.aggregates, scope);
    for (auto &column : pivot.pivots) {
        VisitList(column.pivot_expressions, scope);
        for (auto &entry : column.entries) VisitOne(entry.expr, scope);
        if (column.subquery) Visit(*column.subquery, scope);
    }
}

void Walker::VisitShow(unique_ptr<TableRef> &ref, const Scope *scope) {
    auto &show = ref->Cast<ShowRef>();
    if (show.query) {
        bool before = described;
        described = true;
        Visit(*show.query, scope);
        described = before;
        return;
    }
    slots.push_back({&ref, show.catalog_name, show.schema_name, show.table_name, show.alias, "", show.query_location,
                     statement, TREE_LISTING, described, false});
}

void Walker::VisitRef(unique_ptr<TableRef> &ref, const Scope *scope) {
    if (forget_places) ref->query_location = optional_idx();
    if (ref->sample) samples.push_back(*ref->sample);
    switch (ref->type) {
    case TableReferenceType::BASE_TABLE: VisitTable(ref, scope); return;
    case TableReferenceType::SUBQUERY: VisitQuery(ref->Cast<SubqueryRef>().subquery, scope); return;
    case TableReferenceType::JOIN: VisitJoin(ref->Cast<JoinRef>(), scope); return;
    case TableReferenceType::TABLE_FUNCTION:
        VisitOne(ref->Cast<TableFunctionRef>().function, scope);
        VisitQuery(ref->Cast<TableFunctionRef>().subquery, scope);
        return;
    case TableReferenceType::EXPRESSION_LIST:
        for (auto &row : ref->Cast<ExpressionListRef>().values) VisitList(row, scope);
        return;
    case TableReferenceType::EMPTY_FROM: return;
    case TableReferenceType::PIVOT: VisitPivot(ref->Cast<PivotRef>(), scope); return;
    case TableReferenceType::SHOW_REF: VisitShow(ref, scope); return;
    default: throw Unknown{"table reference", ref->query_location};
    }
}

/* A type that is not bound yet is an expression. */
void Walker::VisitType(const LogicalType &type, const Scope *scope) {
    if (type.id() != LogicalTypeId::UNBOUND || !type.AuxInfo()) return;
    auto &info = type.AuxInfo()->Cast<UnboundTypeInfo>();
    if (info.expr) VisitExpression(*info.expr, scope);
}

void Walker::VisitExpression(ParsedExpression &expression, const Scope *scope) {
    if (forget_places) expression.SetQueryLocation(optional_idx());
    switch (expression.GetExpressionClass()) {
    case ExpressionClass::SUBQUERY: VisitQuery(expression.Cast<SubqueryExpression>().subquery, scope); break;
    case ExpressionClass::COLUMN_REF: {
        auto &column = expression.Cast<ColumnRefExpression>();
        if (column.column_names.size() > 1) qualifiers.insert(column.column_names[0]);
        if (column.column_names.size() > 2) long_names.push_back(column);
        break;
    }
    case ExpressionClass::CAST: VisitType(expression.Cast<CastExpression>().cast_type, scope); break;
    case ExpressionClass::CASE:
    case ExpressionClass::COMPARISON:
    case ExpressionClass::CONJUNCTION:
    case ExpressionClass::CONSTANT:
    case ExpressionClass::DEFAULT:
    case ExpressionClass::FUNCTION:
    case ExpressionClass::OPERATOR:
    case ExpressionClass::STAR:
    case ExpressionClass::WINDOW:
    case ExpressionClass::PARAMETER:
    case ExpressionClass::COLLATE:
    case ExpressionClass::LAMBDA:
    case ExpressionClass::POSITIONAL_REFERENCE:
    case ExpressionClass::BETWEEN:
    case ExpressionClass::LAMBDA_REF:
    case ExpressionClass::TYPE: break;
    default: throw Unknown{"expression", expression.GetQueryLocation()};
    }
    ParsedExpressionIterator::EnumerateChildren(expression,
                                                [&](ParsedExpression &child) { VisitExpression(child, scope); });
}

/* ---- statements ---- */

void Walker::Target(TableRef &ref, tree_change change) {
    if (ref.type != TableReferenceType::BASE_TABLE) throw Unknown{"target of a change", ref.query_location};
    auto &table = ref.Cast<BaseTableRef>();
    if (table.at_clause) throw Unknown{"AT of a target", table.query_location};
    Target(table.catalog_name, table.schema_name, table.table_name, change);
    Names(table.catalog_name, table.schema_name, table.table_name);
    slots.back().alias = table.alias;
    slots.back().place = table.query_location;
}

void Walker::VisitInsert(InsertStatement &insert) {
    Target(insert.catalog, insert.schema, insert.table, TREE_INSERT);
    Names(insert.catalog, insert.schema, insert.table);
    slots.back().columns = insert.columns;
    slots.back().insert = &insert;
    const Scope *scope = VisitWith(insert.cte_map, nullptr);
    VisitQuery(insert.select_statement, scope);
    if (insert.on_conflict_info) {
        VisitOne(insert.on_conflict_info->condition, scope);
        VisitSet(insert.on_conflict_info->set_info, scope);
    }
    VisitList(insert.returning_list, scope);
}

void Walker::VisitUpdate(UpdateStatement &update) {
    Target(*update.table, TREE_UPDATE);
    if (update.set_info) {
        slots.back().columns = update.set_info->columns;
        slots.back().condition = &update.set_info->condition;
        slots.back().joined = update.from_table != nullptr;
    }
    const Scope *scope = VisitWith(update.cte_map, nullptr);
    if (update.from_table) VisitRef(update.from_table, scope);
    VisitSet(update.set_info, scope);
    VisitList(update.returning_list, scope);
}

void Walker::VisitDelete(DeleteStatement &remove) {
    Target(*remove.table, TREE_DELETE);
    slots.back().condition = &remove.condition;
    slots.back().joined = !remove.using_clauses.empty();
    const Scope *scope = VisitWith(remove.cte_map, nullptr);
    for (auto &source : remove.using_clauses) VisitRef(source, scope);
    VisitOne(remove.condition, scope);
    VisitList(remove.returning_list, scope);
}

void Walker::VisitMerge(MergeIntoStatement &merge) {
    Target(*merge.target, TREE_MERGE);
    const Scope *scope = VisitWith(merge.cte_map, nullptr);
    VisitRef(merge.source, scope);
    VisitOne(merge.join_condition, scope);
    for (auto &actions : merge.actions)
        for (auto &action : actions.second) {
            VisitOne(action->condition, scope);
            VisitSet(action->update_info, scope);
            VisitList(action->expressions, scope);
        }
    VisitList(merge.returning_list, scope);
}

void Walker::VisitColumn(const ColumnDefinition &column) {
    VisitType(column.Type(), nullptr);
    size_t before = slots.size();
    if (column.Generated()) VisitExpression(*column.GeneratedExpression().Copy(), nullptr);
    else if (column.HasDefaultValue()) VisitExpression(*column.DefaultValue().Copy(), nullptr);
    if (slots.size() != before) throw Unknown{"query in a default", optional_idx()}; /* slots of a copy */
}

void Walker::VisitCreateTable(CreateTableInfo &info) {
    bool more = !info.options.empty(); /* a location, or another table's keys */
    for (auto &constraint : info.constraints) more |= constraint->type == ConstraintType::FOREIGN_KEY;
    Target(info.catalog, info.schema, info.table, more ? TREE_OTHER : TREE_CREATE);
    Names(info.catalog, info.schema, info.table);
    for (auto &column : info.columns.Logical()) VisitColumn(column);
    for (auto &constraint : info.constraints)
        if (constraint->type == ConstraintType::CHECK)
            VisitExpression(*constraint->Cast<CheckConstraint>().expression, nullptr);
        else if (constraint->type == ConstraintType::INVALID) throw Unknown{"constraint", optional_idx()};
    VisitQuery(info.query, nullptr);
    VisitList(info.partition_keys, nullptr);
    VisitList(info.sort_keys, nullptr);
    for (auto &option : info.options) VisitOne(option.second, nullptr);
}

void Walker::VisitCreate(CreateInfo &info) {
    switch (info.type) {
    case CatalogType::TABLE_ENTRY: VisitCreateTable(info.Cast<CreateTableInfo>()); return;
    case CatalogType::VIEW_ENTRY:
        Target(info.catalog, info.schema, info.Cast<CreateViewInfo>().view_name, TREE_OTHER);
        VisitQuery(info.Cast<CreateViewInfo>().query, nullptr);
        return;
    case CatalogType::TYPE_ENTRY: /* of a PIVOT: the values that become columns */
        if (info.Cast<CreateTypeInfo>().query) Visit(*info.Cast<CreateTypeInfo>().query);
        return;
    case CatalogType::SCHEMA_ENTRY: Target(info.catalog, info.schema, "", TREE_CREATE_SCHEMA); return;
    default: throw Unknown{"CREATE", optional_idx()};
    }
}

void Walker::VisitAlter(AlterInfo &info) {
    if (info.type != AlterType::ALTER_TABLE && info.type != AlterType::ALTER_VIEW)
        throw Unknown{"ALTER", optional_idx()};
    bool table = info.type == AlterType::ALTER_TABLE;
    if (table && info.Cast<AlterTableInfo>().alter_table_type == AlterTableType::RENAME_TABLE) /* makes the new name */
        Target(info.catalog, info.schema, info.Cast<RenameTableInfo>().new_table_name, TREE_CREATE);
    Target(info.catalog, info.schema, info.name, table ? TREE_ALTER : TREE_OTHER);
    Names(info.catalog, info.schema, info.name);
    if (!table) return;
    auto &alter = info.Cast<AlterTableInfo>();
    switch (alter.alter_table_type) {
    case AlterTableType::RENAME_COLUMN:
    case AlterTableType::RENAME_TABLE:
    case AlterTableType::RENAME_FIELD:
    case AlterTableType::REMOVE_COLUMN:
    case AlterTableType::REMOVE_FIELD:
    case AlterTableType::SET_NOT_NULL:
    case AlterTableType::DROP_NOT_NULL:
    case AlterTableType::RESET_TABLE_OPTIONS: return;
    case AlterTableType::ADD_COLUMN: VisitColumn(alter.Cast<AddColumnInfo>().new_column); return;
    case AlterTableType::ADD_FIELD: VisitColumn(alter.Cast<AddFieldInfo>().new_field); return;
    case AlterTableType::ALTER_COLUMN_TYPE: VisitOne(alter.Cast<ChangeColumnTypeInfo>().expression, nullptr); return;
    case AlterTableType::SET_DEFAULT: VisitOne(alter.Cast<SetDefaultInfo>().expression, nullptr); return;
    case AlterTableType::SET_PARTITIONED_BY:
        VisitList(alter.Cast<SetPartitionedByInfo>().partition_keys, nullptr);
        return;
    case AlterTableType::SET_SORTED_BY:
        for (auto &order : alter.Cast<SetSortedByInfo>().orders) VisitOne(order.expression, nullptr);
        return;
    case AlterTableType::SET_TABLE_OPTIONS:
        slots.back().change = TREE_OTHER;
        for (auto &option : alter.Cast<SetTableOptionsInfo>().table_options) VisitOne(option.second, nullptr);
        return;
    default: throw Unknown{"ALTER TABLE", optional_idx()};
    }
}

void Walker::Visit(SQLStatement &at) {
    switch (at.type) {
    case StatementType::SELECT_STATEMENT: Visit(*at.Cast<SelectStatement>().node, nullptr); return;
    case StatementType::INSERT_STATEMENT: VisitInsert(at.Cast<InsertStatement>()); return;
    case StatementType::UPDATE_STATEMENT: VisitUpdate(at.Cast<UpdateStatement>()); return;
    case StatementType::DELETE_STATEMENT: VisitDelete(at.Cast<DeleteStatement>()); return;
    case StatementType::MERGE_INTO_STATEMENT: VisitMerge(at.Cast<MergeIntoStatement>()); return;
    case StatementType::CREATE_STATEMENT: VisitCreate(*at.Cast<CreateStatement>().info); return;
    case StatementType::ALTER_STATEMENT: VisitAlter(*at.Cast<AlterStatement>().info); return;
    case StatementType::DROP_STATEMENT: {
        auto &info = *at.Cast<DropStatement>().info;
        if (info.type == CatalogType::TYPE_ENTRY) return; /* of a PIVOT */
        if (info.type == CatalogType::SCHEMA_ENTRY) Target(info.catalog, info.name, "", TREE_DROP_SCHEMA);
        else
            Target(info.catalog, info.schema, info.name,
                   info.type == CatalogType::TABLE_ENTRY ? TREE_DROP : TREE_OTHER);
        if (info.type == CatalogType::TABLE_ENTRY) Names(info.catalog, info.schema, info.name);
        return;
    }
    case StatementType::EXPLAIN_STATEMENT: Visit(*at.Cast<ExplainStatement>().stmt); return;
    case StatementType::MULTI_STATEMENT:
        for (auto &part : at.Cast<MultiStatement>().statements) Visit(*part);
        return;
    case StatementType::TRANSACTION_STATEMENT: return;
    default: throw Unknown{"statement", optional_idx()};
    }
}

/* ---- what comes into a slot ---- */

int64_t place_of(optional_idx place) { return place.IsValid() ? int64_t(place.GetIndex()) : -1; }

tree_code fail(tree_outcome *ret, tree_code code, const string &what, optional_idx place) {
    snprintf(ret->what, sizeof ret->what, "%s", what.c_str());
    ret->place = place_of(place);
    return code;
}

unique_ptr<TableRef> table_put(const tree_put &put) {
    auto table = make_uniq<BaseTableRef>();
    table->catalog_name = put.catalog;
    table->schema_name = put.schema;
    table->table_name = put.table;
    return std::move(table);
}

/* NULL: it is not one query. */
unique_ptr<SelectStatement> query_parse(const string &text) {
    Parser parser;
    try {
        parser.ParseQuery(text);
    } catch (const ParserException &) {
        return nullptr;
    }
    if (parser.statements.size() != 1 || parser.statements[0]->type != StatementType::SELECT_STATEMENT) return nullptr;
    auto select = unique_ptr_cast<SQLStatement, SelectStatement>(std::move(parser.statements[0]));
    Walker walker;
    walker.forget_places = true;
    walker.Visit(*select);
    return select;
}

unique_ptr<TableRef> query_put(const tree_put &put) {
    static ParsedQueries parsed;
    auto select = parsed.Get(put.query, query_parse);
    return select ? make_uniq<SubqueryRef>(std::move(select)) : nullptr;
}

void put_in(Slot &slot, unique_ptr<TableRef> put) {
    TableRef &old = **slot.ref;
    put->alias = slot.alias.empty() ? slot.table : slot.alias;
    put->column_name_alias = old.column_name_alias;
    put->sample = std::move(old.sample);
    put->query_location = old.query_location;
    *slot.ref = std::move(put);
}

/* ---- what is checked of a target ---- */

/* The one reference to the table of that name. */
unique_ptr<TableRef> *find_source(QueryNode &node, const char *table) {
    if (node.type != QueryNodeType::SELECT_NODE) return nullptr;
    auto *ref = &node.Cast<SelectNode>().from_table;
    while (*ref && (*ref)->type == TableReferenceType::SUBQUERY) {
        auto &inner = *(*ref)->Cast<SubqueryRef>().subquery->node;
        if (inner.type != QueryNodeType::SELECT_NODE) return nullptr;
        ref = &inner.Cast<SelectNode>().from_table;
    }
    bool found =
        *ref && (*ref)->type == TableReferenceType::BASE_TABLE && (*ref)->Cast<BaseTableRef>().table_name == table;
    return found ? ref : nullptr;
}

/* The query with the INSERT's own source in it. */
bool check_insert(InsertStatement &insert, const tree_put &put) {
    bool plain = insert.select_statement && !insert.on_conflict_info && !insert.default_values &&
                 insert.column_order == InsertColumnOrder::INSERT_BY_POSITION;
    if (!plain || !put.query || !put.table) return false;
    Parser parser;
    parser.ParseQuery(put.query);
    if (parser.statements.size() != 1 || parser.statements[0]->type != StatementType::SELECT_STATEMENT) return false;
    auto select = unique_ptr_cast<SQLStatement, SelectStatement>(std::move(parser.statements[0]));
    Walker walker;
    walker.forget_places = true;
    walker.Visit(*select);
    auto *source = find_source(*select->node, put.table);
    if (!source) return false;
    auto in = make_uniq<SubqueryRef>(std::move(insert.select_statement));
    in->alias = (*source)->alias;
    in->column_name_alias = (*source)->column_name_alias;
    *source = std::move(in);
    insert.select_statement = std::move(select);
    return true;
}

void qualify(ParsedExpression &expression, const string &table) {
    if (expression.GetExpressionClass() == ExpressionClass::COLUMN_REF) {
        auto &names = expression.Cast<ColumnRefExpression>().column_names;
        names.insert(names.begin(), table);
    }
    expression.SetQueryLocation(optional_idx());
    ParsedExpressionIterator::EnumerateChildren(expression, [&](ParsedExpression &child) { qualify(child, table); });
}

bool has_query(const ParsedExpression &expression) {
    bool found = expression.GetExpressionClass() == ExpressionClass::SUBQUERY;
    ParsedExpressionIterator::EnumerateChildren(
        expression, [&](const ParsedExpression &child) { found = found || has_query(child); });
    return found;
}

/* CASE WHEN check THEN condition ELSE false END: the one is evaluated only where the other holds. A query in it would not be: it
 * becomes a join below, as other sources are. */
bool check_condition(Slot &slot, const tree_put &put) {
    if (!slot.condition || !put.condition || slot.joined) return false;
    if (*slot.condition && has_query(**slot.condition)) return false;
    auto list = Parser::ParseExpressionList(put.condition);
    if (list.size() != 1) return false;
    qualify(*list[0], slot.alias.empty() ? slot.table : slot.alias);
    auto both = make_uniq<CaseExpression>();
    CaseCheck when;
    when.when_expr = std::move(list[0]);
    when.then_expr = *slot.condition ? std::move(*slot.condition)
                                     : make_uniq_base<ParsedExpression, ConstantExpression>(Value::BOOLEAN(true));
    both->case_checks.push_back(std::move(when));
    both->else_expr = make_uniq_base<ParsedExpression, ConstantExpression>(Value::BOOLEAN(false));
    *slot.condition = std::move(both);
    return true;
}

bool check_target(Slot &slot, const tree_put &put) {
    try {
        return slot.insert ? check_insert(*slot.insert, put) : check_condition(slot, put);
    } catch (const ParserException &) {
        return false;
    }
}

class Teller {
  public:
    Teller(Walker &walker_p, tree_fn fn_p, void *ctx_p, tree_outcome *ret_p)
        : walker(walker_p), fn(fn_p), ctx(ctx_p), ret(ret_p) {}

    tree_code Tell() {
        for (auto &slot : walker.slots) {
            tree_code code = One(slot);
            if (code != TREE_OK) return code;
            ret->told++;
        }
        for (auto &rename : renames)
            for (int i = 0; i < 3; i++)
                if (rename.slot.get().names[i]) *rename.slot.get().names[i] = rename.names[i];
        for (auto &check : checks) { /* references within keep their places */
            const tree_put put = {
                nullptr, nullptr, check.table.c_str(), check.query.c_str(), false, check.condition.c_str(), nullptr};
            if (!check_target(check.slot.get(), put))
                return fail(ret, TREE_WRONG, check.slot.get().table, check.slot.get().place);
        }
        if (puts.empty()) return TREE_OK;
        if (!walker.namer.possible) return fail(ret, TREE_STAR, "*", optional_idx());
        if (hides_rows)
            for (auto &sample : walker.samples)
                if (sample.get().repeatable || sample.get().seed.IsValid())
                    return fail(ret, TREE_SEED, "seed", optional_idx());
        if (hides_rows)
            for (auto &sample : walker.samples) SampleRows(sample.get());
        walker.namer.Apply();
        for (auto &column : walker.long_names) Shorten(column.get().column_names);
        for (auto &put : puts) put_in(put.first.get(), std::move(put.second));
        ret->replaced = puts.size();
        return TREE_OK;
    }

  private:
    Walker &walker;
    tree_fn fn;
    void *ctx;
    tree_outcome *ret;
    vector<std::pair<reference<Slot>, unique_ptr<TableRef>>> puts;
    struct Stood { /* a table that a query takes the place of */
        string catalog, schema, table;
    };
    vector<Stood> stood;
    struct Check {
        reference<Slot> slot;
        string query, table, condition;
    };
    vector<Check> checks;
    struct Rename {
        reference<Slot> slot;
        string names[3];
    };
    vector<Rename> renames;
    bool hides_rows = false;

    static void SampleRows(SampleOptions &sample) {
        if (sample.method == SampleMethod::SYSTEM_SAMPLE) sample.method = SampleMethod::BERNOULLI_SAMPLE;
    }

    /* data.t.x and lake.data.t.x → t.x */
    void Shorten(vector<string> &names) const {
        for (auto &table : stood) {
            size_t at = names.size() > 3 && StringUtil::CIEquals(names[0], table.catalog) ? 1 : 0;
            if (!StringUtil::CIEquals(names[at], table.schema) || !StringUtil::CIEquals(names[at + 1], table.table))
                continue;
            names.erase(names.begin(), names.begin() + int64_t(at) + 1);
            return;
        }
    }

    bool SchemaColumn(const Slot &slot) const {
        auto &names = walker.qualifiers;
        if (names.empty()) return false;
        return names.count("lake") || (!slot.catalog.empty() && names.count(slot.catalog)) ||
               (!slot.schema.empty() && names.count(slot.schema));
    }

    tree_code One(Slot &slot) {
        tree_ref ref = {};
        tree_put put = {};
        ref.catalog = slot.catalog.c_str();
        ref.schema = slot.schema.c_str();
        ref.table = slot.table.c_str();
        ref.alias = slot.alias.c_str();
        ref.at = slot.at.c_str();
        ref.statement = slot.statement;
        ref.place = place_of(slot.place);
        ref.use = slot.use;
        ref.change = slot.change;
        ref.described = slot.described;
        ref.sampled = slot.sampled;
        ref.schema_column = SchemaColumn(slot);
        ref.unnamed_star = !walker.namer.possible;
        vector<const char *> columns;
        for (auto &column : slot.columns) columns.push_back(column.c_str());
        ref.columns = columns.data();
        ref.column_count = columns.size();
        tree_act act = fn(ctx, &ref, &put);
        if (act == TREE_KEEP) return TREE_OK;
        if (slot.use == TREE_TARGET && (act == TREE_PUT_TABLE || act == TREE_PUT_CHECK)) {
            if (put.name) renames.push_back({slot, {put.catalog, put.schema, put.name}});
            if (act == TREE_PUT_CHECK)
                checks.push_back(
                    {slot, put.query ? put.query : "", put.table ? put.table : "", put.condition ? put.condition : ""});
            return TREE_OK;
        }
        if (act == TREE_REFUSE) return fail(ret, TREE_REFUSED, slot.table, slot.place);
        bool table = act == TREE_PUT_TABLE && put.catalog && put.schema && put.table && slot.use == TREE_READ;
        bool query = act == TREE_PUT_QUERY && put.query && slot.use != TREE_TARGET;
        auto in = table ? table_put(put) : query ? query_put(put) : nullptr;
        if (!in) return fail(ret, TREE_WRONG, slot.table, slot.place);
        hides_rows |= put.hides_rows;
        if (query && put.schema && slot.use == TREE_READ && slot.alias.empty())
            stood.push_back({put.catalog ? put.catalog : "", put.schema, slot.table});
        puts.emplace_back(slot, std::move(in));
        return TREE_OK;
    }
};

} // namespace

tree_code tree_shim_walk(duckdb_extracted_statements extracted, tree_fn fn, void *ctx, tree_outcome *ret) {
    *ret = {};
    ret->place = -1;
    try {
        Walker walker;
        for (auto &statement : reinterpret_cast<ExtractStatementsWrapper *>(extracted)->statements) {
            if (!statement) return fail(ret, TREE_UNKNOWN, "statement", optional_idx());
            walker.Visit(*statement);
            walker.statement++;
        }
        return Teller(walker, fn, ctx, ret).Tell();
    } catch (const Unknown &unknown) {
        return fail(ret, TREE_UNKNOWN, unknown.kind, unknown.place);
    } catch (const std::bad_alloc &) {
        return fail(ret, TREE_NO_MEMORY, "", optional_idx());
    } catch (...) { /* of DuckDB's own walk over expressions */
        return fail(ret, TREE_UNKNOWN, "expression", optional_idx());
    }
}
