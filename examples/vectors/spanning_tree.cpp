// Golden vectors of the spanning tree on a sampler of one's own: put yours in the place of `kruskal`. A file has a line for each group
// and one for each case, so that no JSON library is needed.
//
//     g++ -std=c++17 -o spanning_tree examples/vectors/spanning_tree.cpp && ./spanning_tree vectors/spanning_tree_run.json
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>
#include <vector>
using Numbers = std::vector<double>;

/// The edges (u, v, u, v, …) of the minimum spanning tree in the order in which they are chosen; no edge has an infinite weight.
Numbers kruskal(const Numbers& ends, Numbers weight) {
    Numbers component(ends.size() + 1), chosen;  // there are no more vertices than that
    for (size_t v = 0; v < component.size(); v++) component[v] = v;
    for (;;) {
        size_t k = 0;
        for (size_t i = 1; i < weight.size(); i++) k = weight[i] < weight[k] ? i : k;
        if (std::isinf(weight[k])) return chosen;
        weight[k] = std::numeric_limits<double>::infinity();
        double u = component[size_t(ends[2 * k])], v = component[size_t(ends[2 * k + 1])];
        if (u != v) chosen.insert(chosen.end(), {ends[2 * k], ends[2 * k + 1]});
        for (double& c : component) c = c == v ? u : c;
    }
}

/// The numbers of a list, without its brackets; infinite where there is null.
Numbers numbers(const std::string& line, const std::string& name) {
    Numbers all;
    const char* at = line.c_str() + line.find("\"" + name + "\":[") + name.size() + 3;
    for (int depth = 0; (depth += (*at == '[') - (*at == ']')) > 0; at++) {
        if (*at == 'n') all.push_back(std::numeric_limits<double>::infinity()), at += 3;
        if (std::isdigit(*at)) all.push_back(std::strtod(at, const_cast<char**>(&at))), at--;
    }
    return all;
}

int main(int, char** arguments) {
    std::ifstream file(arguments[1]);
    Numbers ends;
    int count = 0, wrong = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.find("\"entries\":") != std::string::npos) ends = numbers(line, "entries");
        if (line.find("\"exponentials\":") == std::string::npos) continue;
        count++;
        if (kruskal(ends, numbers(line, "exponentials")) != numbers(line, "trace")) wrong++, std::cout << line << "\n";
    }
    std::cout << count - wrong << " of " << count << " cases held\n";
    return wrong > 0 || count == 0;
}
