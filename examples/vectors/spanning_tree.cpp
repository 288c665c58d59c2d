// Golden vectors of the spanning tree on a sampler of one's own: put yours in the place of `kruskal`. A file has a line for each group
// and one for each case, so that no JSON library is needed.
//
//     g++ -std=c++17 -o spanning_tree examples/vectors/spanning_tree.cpp && ./spanning_tree vectors/spanning_tree_run.json
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

/// The edges (u, v, u, v, …) of the minimum spanning tree in the order in which they are chosen; no edge has a weight that is infinite.
std::vector<double> kruskal(const std::vector<double>& ends, const std::vector<double>& weight) {
    std::vector<int> order(weight.size());
    std::vector<double> component(ends.size() + 1), chosen; // vertices are fewer than ends
    std::iota(order.begin(), order.end(), 0);
    std::iota(component.begin(), component.end(), 0.0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return weight[a] < weight[b]; });
    for (int k : order) {
        double u = component[int(ends[2 * k])], v = component[int(ends[2 * k + 1])];
        if (std::isinf(weight[k]) || u == v) continue;
        std::replace(component.begin(), component.end(), v, u);
        chosen.insert(chosen.end(), {ends[2 * k], ends[2 * k + 1]});
    }
    return chosen;
}

/// The numbers of a list, without its brackets; infinite where there is null.
std::vector<double> numbers(const std::string& line, const std::string& name) {
    std::vector<double> all;
    size_t at = line.find("\"" + name + "\":[") + name.size() + 3;
    for (int depth = 0; at < line.size(); at++) {
        depth += (line[at] == '[') - (line[at] == ']');
        if (depth == 0) break;
        if (line[at] == 'n') all.push_back(HUGE_VAL), at += 3;
        if (std::isdigit(line[at])) {
            size_t end;
            all.push_back(std::stod(line.substr(at, 32), &end));
            at += end - 1;
        }
    }
    return all;
}

int main(int, char** arguments) {
    std::ifstream file(arguments[1]);
    std::vector<double> ends;
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
