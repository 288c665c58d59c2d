// All structures in C++17, one file and no library, answering line by line: a page to copy from.
//
//     g++ -O2 -std=c++17 examples/adapters/plain.cpp -o plain
//     recursive-gumbel harness examples/models/k4.json -- ./plain
//
// It thinks in rates: its scores are derivatives in them, and its `hello` says so. The protocol is in docs/src/protocol.md.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using std::string;
using std::vector;

// ------------------------------------------------------------------------------------------------------------- JSON

struct Json {
    char type = 'n';  // n null, t true or false, d number, s string, l list, o object
    double number = 0;
    string text;
    vector<Json> items;
    std::map<string, Json> fields;

    const Json& operator[](const string& name) const {
        static const Json none;
        auto found = fields.find(name);
        return found == fields.end() ? none : found->second;
    }
    bool is_null() const { return type == 'n'; }
    int whole() const {
        if (type != 'd') throw std::runtime_error("want a number");
        return int(number);
    }
};

class Reader {
    const string& line;
    size_t at = 0;

    void space() { while (at < line.size() && isspace((unsigned char)line[at])) at++; }
    bool take(char c) {
        space();
        if (at < line.size() && line[at] == c) return at++, true;
        return false;
    }
    void want(char c) { if (!take(c)) throw std::runtime_error(string("want ") + c); }

public:
    explicit Reader(const string& line) : line(line) {}

    Json value() {
        Json json;
        space();
        if (take('{')) {
            json.type = 'o';
            if (!take('}')) {
                do {
                    string name = value().text;
                    want(':');
                    json.fields[name] = value();
                } while (take(','));
                want('}');
            }
        } else if (take('[')) {
            json.type = 'l';
            if (!take(']')) {
                do json.items.push_back(value()); while (take(','));
                want(']');
            }
        } else if (take('"')) {
            json.type = 's';
            while (at < line.size() && line[at] != '"') {
                if (line[at] == '\\') at++;  // what is escaped stands for itself here
                json.text += line[at++];
            }
            want('"');
        } else {
            size_t end = line.find_first_of(",]} \t\r\n", at);
            json.text = line.substr(at, end - at);
            at += json.text.size();
            if (json.text == "true" || json.text == "false") json.type = 't';
            else if (json.text != "null") {
                json.type = 'd';
                json.number = std::stod(json.text);
            }
        }
        return json;
    }
};

string show(double value) {
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    return text;
}

template <class T, class F> string list(const vector<T>& values, F show) {
    string text = "[";
    for (size_t i = 0; i < values.size(); i++) text += (i ? "," : "") + show(values[i]);
    return text + "]";
}

string list(const vector<int>& values) { return list(values, [](int value) { return std::to_string(value); }); }

string quoted(const string& text) {
    string out = "\"";
    for (char c : text) if ((unsigned char)c >= 32) out += c == '"' || c == '\\' ? string("\\") + c : string(1, c);
    return out + "\"";
}

// ------------------------------------------------------------------------------------------------------ the recursion

struct Race {
    vector<int> entrants;
    int winner;
};

/// The races held, and what they lead to, in canonical JSON.
struct Held {
    vector<Race> races;
    string structure, trace;
};

/// Who wins among entrants; of an arborescence a race is that of a component.
using Choose = std::function<int(const vector<int>& entrants, const vector<int>& component)>;

struct Model {
    string kind;
    int size = 0, root = -1, k = 0;
    vector<double> rate;
    vector<std::pair<int, int>> pair;

    Model() = default;
    Model(const Json& file, const Json& rates) : kind(file["structure"].text) {
        for (const Json& value : rates.items) rate.push_back(value.is_null() ? 0 : value.number);
        bool undirected = kind == "spanning_tree", logits = file["rates"].is_null();
        const Json& matrix = logits ? file["logits"] : file["rates"];
        // Of a matrix: null is no entry, and so is a rate of 0, which may be a text.
        auto is_entry = [&](int u, int v) {
            const Json& cell = matrix.items[u].items[v];
            return !cell.is_null() && (logits || std::strtod(cell.text.c_str(), nullptr) != 0);
        };
        if (undirected || kind == "arborescence") {
            for (const Json& edge : file["edges"].items) pair.push_back({edge.items[0].whole(), edge.items[1].whole()});
            size = file["edges"].is_null() ? int(matrix.items.size()) : file["vertices"].whole();
            if (file["edges"].is_null())
                for (int u = 0; u < size; u++)
                    for (int v = undirected ? u + 1 : 0; v < size; v++)
                        if (u != v && is_entry(u, v)) pair.push_back({u, v});
        } else if (kind == "matching") {
            size = int(matrix.items.size());
            for (int u = 0; u < size; u++)
                for (int v = 0; v < size; v++)
                    if (is_entry(u, v)) pair.push_back({u, v});
        } else {
            size = int(rate.size());
        }
        if (!pair.empty() && pair.size() != rate.size()) throw std::runtime_error("want a rate for each entry");
        root = kind == "arborescence" ? file["root"].whole() : -1;
        k = kind == "top_k" ? file["k"].whole() : kind == "permutation" ? size : 1;
    }

    string ends(int e) const { return "[" + std::to_string(pair[e].first) + "," + std::to_string(pair[e].second) + "]"; }

    vector<int> where(const std::function<bool(int)>& holds) const {
        vector<int> entries;
        for (int e = 0; e < int(rate.size()); e++) if (rate[e] > 0 && holds(e)) entries.push_back(e);
        return entries;
    }

    Held hold(const Choose& choose) const {
        Held held;
        auto race = [&](vector<int> entrants, const vector<int>& component = {}) {
            int winner = choose(entrants, component);
            if (std::find(entrants.begin(), entrants.end(), winner) == entrants.end())
                throw std::runtime_error("no trace of this model");
            held.races.push_back({std::move(entrants), winner});
            return winner;
        };
        vector<int> won;
        auto pairs = [&](const vector<int>& entries) { return list(entries, [&](int e) { return ends(e); }); };
        if (kind == "spanning_tree") {
            vector<int> set(size);
            for (int v = 0; v < size; v++) set[v] = v;
            while (int(won.size()) < size - 1) {
                int e = race(where([&](int e) { return set[pair[e].first] != set[pair[e].second]; }));
                won.push_back(e);
                int from = set[pair[e].first], to = set[pair[e].second];  // copies: the set changes under a reference
                std::replace(set.begin(), set.end(), from, to);
            }
            held.trace = pairs(won);
            std::sort(won.begin(), won.end(), [&](int a, int b) { return pair[a] < pair[b]; });
            held.structure = pairs(won);
        } else if (kind == "matching") {
            vector<bool> row(size, true), column(size, true);
            vector<int> of(size);
            while (int(won.size()) < size) {
                int e = race(where([&](int e) { return row[pair[e].first] && column[pair[e].second]; }));
                won.push_back(e);
                row[pair[e].first] = column[pair[e].second] = false;
                of[pair[e].first] = pair[e].second;
            }
            held.trace = pairs(won);
            held.structure = list(of);
        } else if (kind == "binary_tree") {
            vector<int> parent(size, -1);
            std::function<void(int, int, int)> grow = [&](int low, int high, int above) {
                if (low >= high) return;
                vector<int> segment;
                for (int e = low; e < high; e++) segment.push_back(e);
                int top = race(segment);
                parent[top] = above;
                grow(low, top, top);
                grow(top + 1, high, top);
            };
            grow(0, size, -1);
            held.structure = held.trace =
                list(parent, [](int above) { return above < 0 ? string("null") : std::to_string(above); });
        } else if (kind == "arborescence") {
            edmonds(race, held);
        } else {
            vector<bool> left(size, true);
            while (int(won.size()) < k) {
                won.push_back(race(where([&](int e) { return bool(left[e]); })));
                left[won.back()] = false;
            }
            held.trace = kind == "categorical" ? std::to_string(won[0]) : list(won);
            if (kind == "top_k") std::sort(won.begin(), won.end());
            held.structure = kind == "categorical" ? held.trace : list(won);
        }
        return held;
    }

    template <class F> void edmonds(F race, Held& held) const {
        using Component = vector<int>;
        vector<Component> tops;
        std::map<Component, int> arc;
        for (int v = 0; v < size; v++) if (v != root) tops.push_back({v});
        auto in = [](const Component& c, int v) { return std::binary_search(c.begin(), c.end(), v); };
        for (;;) {
            for (const Component& c : tops)
                if (!arc.count(c)) arc[c] = race(where([&](int e) { return in(c, pair[e].second) && !in(c, pair[e].first); }), c);
            // From each go back against the arcs until the root, or someone who was met before.
            vector<int> cycle;
            for (int start = 0; start < int(tops.size()) && cycle.empty(); start++) {
                vector<int> path;
                int now = start;
                while (now >= 0 && std::find(path.begin(), path.end(), now) == path.end()) {
                    path.push_back(now);
                    int tail = pair[arc[tops[now]]].first;
                    now = -1;
                    for (int other = 0; other < int(tops.size()); other++) if (in(tops[other], tail)) now = other;
                }
                if (now >= 0) cycle.assign(std::find(path.begin(), path.end(), now), path.end());
            }
            if (cycle.empty()) break;
            Component merged;
            vector<Component> rest;
            for (int c = 0; c < int(tops.size()); c++) {
                if (std::find(cycle.begin(), cycle.end(), c) == cycle.end()) rest.push_back(tops[c]);
                else merged.insert(merged.end(), tops[c].begin(), tops[c].end());
            }
            std::sort(merged.begin(), merged.end());
            rest.push_back(merged);
            tops = rest;
        }
        // The largest first: what enters it goes on to its head, and the winners of all that hold the head are void.
        vector<std::pair<Component, int>> all(arc.begin(), arc.end());
        auto smaller = [](const auto& a, const auto& b) {
            return std::make_pair(a.first.size(), a.first) < std::make_pair(b.first.size(), b.first);
        };
        std::sort(all.begin(), all.end(), smaller);
        std::set<int> heads;
        vector<int> chosen;
        for (auto of = all.rbegin(); of != all.rend(); of++) {
            bool entered = false;
            for (int head : heads) entered = entered || in(of->first, head);
            if (!entered) heads.insert(pair[of->second].second), chosen.push_back(of->second);
        }
        std::sort(chosen.begin(), chosen.end(), [&](int a, int b) { return pair[a] < pair[b]; });
        held.structure = list(chosen, [&](int e) { return ends(e); });
        held.trace = list(all, [&](const auto& of) {
            return "{\"component\":" + list(of.first) + ",\"arc\":" + ends(of.second) + "}";
        });
    }

    /// The algorithm on weights: the smallest wins, and all who raced lose its time.
    Held run(vector<double> left) const {
        return hold([&](const vector<int>& entrants, const vector<int>&) {
            int winner = entrants[0];
            for (int e : entrants) if (left[e] < left[winner]) winner = e;
            double time = left[winner];
            for (int e : entrants) left[e] -= time;
            return winner;
        });
    }

    int entry(const Json& item) const {
        if (pair.empty()) return item.whole();
        std::pair<int, int> wanted{item.items.at(0).whole(), item.items.at(1).whole()};
        auto found = std::find(pair.begin(), pair.end(), wanted);
        if (found == pair.end()) throw std::runtime_error("no entry of this model");
        return int(found - pair.begin());
    }

    /// The races of a trace, which must be possible.
    Held replay(const Json& trace) const {
        size_t next = 0;
        Held held = hold([&](const vector<int>& entrants, const vector<int>& component) {
            if (kind == "arborescence") {
                for (const Json& race : trace.items) {
                    vector<int> of;
                    for (const Json& v : race["component"].items) of.push_back(v.whole());
                    if (of == component) return entry(race["arc"]);
                }
                return -1;
            }
            if (kind == "binary_tree") {
                // Whoever has its parent outside of the segment.
                for (int e : entrants) {
                    const Json& parent = trace.items.at(e);
                    if (parent.is_null() || parent.whole() < entrants.front() || parent.whole() > entrants.back()) return e;
                }
                return -1;
            }
            return kind == "categorical" ? entry(trace) : entry(trace.items.at(next++));
        });
        if (held.races.size() != (kind == "categorical" ? 1 : trace.items.size()))
            throw std::runtime_error("no trace of this model");
        return held;
    }

    double total(const Race& race) const {
        double sum = 0;
        for (int e : race.entrants) sum += rate[e];
        return sum;
    }

    double log_prob(const Held& held) const {
        double sum = 0;
        for (const Race& race : held.races) sum += std::log(rate[race.winner] / total(race));
        return sum;
    }

    /// Derivatives in the rates.
    vector<double> score(const Held& held) const {
        vector<double> score(rate.size(), 0.0);
        for (const Race& race : held.races) {
            for (int e : race.entrants) score[e] -= 1 / total(race);
            score[race.winner] += 1 / rate[race.winner];
        }
        return score;
    }

    vector<double> conditional(const Held& held, const vector<double>& uniform) const {
        vector<double> weight(rate.size(), 0.0);
        vector<bool> won(rate.size(), false);
        for (const Race& race : held.races) {
            double time = -std::log(uniform[race.winner]) / total(race);
            for (int e : race.entrants) weight[e] += time;
            won[race.winner] = true;
        }
        for (size_t e = 0; e < rate.size(); e++) if (!won[e]) weight[e] -= std::log(uniform[e]) / rate[e];
        return weight;
    }

    /// A row of one number per entry.
    string row(const vector<double>& values) const {
        vector<int> entries(values.size());
        for (size_t e = 0; e < entries.size(); e++) entries[e] = int(e);
        return list(entries, [&](int e) { return rate[e] > 0 ? show(values[e]) : string("null"); });
    }

    vector<double> numbers(const Json& row) const {
        vector<double> values;
        for (const Json& value : row.items) values.push_back(value.is_null() ? HUGE_VAL : value.number);
        if (values.size() != rate.size()) throw std::runtime_error("want one number per entry");
        return values;
    }

    vector<double> uniforms(std::mt19937_64& random) const {
        vector<double> values;
        for (size_t e = 0; e < rate.size(); e++) values.push_back(double((random() >> 11) + 1) * 0x1p-53);
        return values;
    }
};

// ------------------------------------------------------------------------------------------------------ the questions

string answer(const Model& model, const Json& request) {
    const string& op = request["op"].text;
    std::map<string, vector<string>> columns;
    if (op == "run") {
        for (const Json& row : request["exponentials"].items) {
            Held held = model.run(model.numbers(row));
            columns["structure"].push_back(held.structure);
            columns["trace"].push_back(held.trace);
        }
    } else if (op == "sample") {
        std::mt19937_64 random(std::stoull(request["seed"].text));
        for (int draw = 0; draw < request["count"].whole(); draw++) {
            vector<double> weight = model.uniforms(random);
            for (size_t e = 0; e < weight.size(); e++) weight[e] = -std::log(weight[e]) / model.rate[e];
            Held held = model.run(weight);
            std::map<string, string> values{
                {"structure", held.structure}, {"trace", held.trace}, {"exponentials", model.row(weight)},
                {"log_prob", show(model.log_prob(held))}, {"score", model.row(model.score(held))},
                {"conditional", model.row(model.conditional(held, model.uniforms(random)))}};
            for (const Json& field : request["fields"].items) columns[field.text].push_back(values.at(field.text));
        }
    } else if (op == "log_prob" || op == "score" || op == "conditional") {
        std::mt19937_64 random(request["seed"].is_null() ? 0 : std::stoull(request["seed"].text));
        for (size_t i = 0; i < request["traces"].items.size(); i++) {
            Held held = model.replay(request["traces"].items[i]);
            const Json& uniforms = request["uniforms"];
            columns[op].push_back(
                op == "log_prob" ? show(model.log_prob(held))
                : op == "score"  ? model.row(model.score(held))
                                 : model.row(model.conditional(
                                       held, uniforms.is_null() ? model.uniforms(random) : model.numbers(uniforms.items.at(i)))));
        }
    } else {
        throw std::runtime_error("unknown op " + op);
    }
    string text;
    for (const auto& [name, items] : columns)
        text += (text.empty() ? "{" : ",") + quoted(name) + ":" + list(items, [](const string& item) { return item; });
    return text.empty() ? "{}" : text + "}";
}

const char* HELLO = R"({"name":"plain.cpp","version":"1","report_to":"whoever copied it","dtype":"f64","loss_names":[],
"structures":["spanning_tree","arborescence","matching","binary_tree","top_k","permutation","categorical"],
"ops":["hello","model","run","sample","log_prob","score","conditional","stop"],
"fields":["structure","trace","log_prob","score","exponentials","conditional"],"conventions":{"parameter":"rate"}})";

int main() {
    Model model;
    string line, hello(HELLO);
    hello.erase(std::remove(hello.begin(), hello.end(), '\n'), hello.end());
    while (std::getline(std::cin, line)) {
        Json request = Reader(line).value();
        const string& op = request["op"].text;
        string said;
        try {
            if (op == "hello") said = hello;
            else if (op == "stop") said = "{}";
            else if (op == "model") model = Model(request["model"], request["rates"]), said = "{}";
            else said = answer(model, request);
            said = "\"ok\":" + said;
        } catch (const std::exception& error) {  // an impossible trace, say: the harness wants to hear of it, not to lose us
            said = "\"error\":" + quoted(error.what());
        }
        std::cout << "{\"id\":" << request["id"].text << "," << said << "}" << std::endl;
        if (op == "stop") break;
    }
}
