//! How long the exact enumerations take, by structure and size.
//!
//! `cargo bench -p gumbel-oracle --bench enumeration`; add `-- --quick` for a first impression, or a part of a name to
//! choose. Laws report structures per second, marginals entries per second, so that sizes can be compared.
//!
//! Rates are `(7k mod 11 + 1) / (k mod 5 + 1)` for entry `k`: all kinds of denominators, nothing equal by chance, the same
//! on every run.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Exact, FromExact, ratio};
use num_bigint::BigInt;
use num_rational::BigRational;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};

const LIMIT: Limit = Limit(u64::MAX);

fn rate(k: usize) -> BigRational {
    let k = k as i64;
    ratio(k * 7 % 11 + 1, k % 5 + 1)
}

fn rates(n: usize) -> Vec<BigRational> {
    (0..n).map(rate).collect()
}

fn complete_graph(n: usize) -> Model {
    let mut graph = UnGraph::<(), BigRational>::default();
    let vertices: Vec<NodeIndex> = (0..n).map(|_| graph.add_node(())).collect();
    for u in 0..n {
        for v in u + 1..n {
            graph.add_edge(vertices[u], vertices[v], rate(graph.edge_count()));
        }
    }
    Model::spanning_tree(&graph).expect("a complete graph is connected")
}

fn complete_digraph(n: usize) -> Model {
    let mut graph = DiGraph::<(), BigRational>::default();
    let vertices: Vec<NodeIndex> = (0..n).map(|_| graph.add_node(())).collect();
    for u in 0..n {
        for v in (1..n).filter(|&v| v != u) {
            graph.add_edge(vertices[u], vertices[v], rate(graph.edge_count()));
        }
    }
    Model::arborescence(&graph, vertices[0]).expect("the root enters every vertex")
}

fn matching(n: usize) -> Model {
    let rows: Vec<Vec<BigRational>> = (0..n).map(|i| (0..n).map(|j| rate(i * n + j)).collect()).collect();
    Model::matching(&rows).expect("a full matrix")
}

fn laws(c: &mut Criterion) {
    let binary_tree = |n: usize| Model::binary_tree(rates(n)).expect("positive rates");
    let models = [
        ("spanning_tree", complete_graph(6)),
        ("spanning_tree", complete_graph(7)),
        ("arborescence", complete_digraph(5)),
        ("arborescence", complete_digraph(6)),
        ("matching", matching(6)),
        ("matching", matching(7)),
        ("binary_tree", binary_tree(10)),
        ("binary_tree", binary_tree(12)),
    ];
    let mut group = c.benchmark_group("law");
    group.sample_size(10);
    for (name, model) in models {
        let structures = u64::try_from(model.structure_count()).expect("few");
        group.throughput(Throughput::Elements(structures));
        group.bench_with_input(BenchmarkId::new(name, model.size()), &model, |b, model| {
            b.iter(|| black_box(model).law(LIMIT));
        });
    }
    group.finish();
}

fn marginals(c: &mut Criterion) {
    let mut group = c.benchmark_group("marginals");
    group.sample_size(10);
    for (name, model) in [("spanning_tree", complete_graph(8)), ("matching", matching(7))] {
        group.throughput(Throughput::Elements(model.entries().len() as u64));
        group.bench_with_input(BenchmarkId::new(name, model.size()), &model, |b, model| {
            b.iter(|| black_box(model).marginals(LIMIT));
        });
    }
    group.finish();
}

/// Fractions `p/q` with `p` and `q` of 200 bits: a Lehmer sequence of words, joined.
fn long_fractions(count: usize) -> Vec<BigRational> {
    let mut word = 0x2545_F491_4F6C_DD1D_u64;
    let mut long = || {
        let mut value = BigInt::from(0);
        for _ in 0..4 {
            word = word.wrapping_mul(0xDA94_2042_E4DD_58B5).wrapping_add(1);
            value = (value << 50) + (word >> 14);
        }
        value + 1
    };
    (0..count).map(|_| BigRational::new(long(), long())).collect()
}

fn additions(c: &mut Criterion) {
    let fractions = long_fractions(64);
    let exact: Vec<Exact> = fractions.iter().map(Exact::from_exact).collect();
    let mut group = c.benchmark_group("addition at 200 bits");
    group.throughput(Throughput::Elements(fractions.len() as u64 / 2));
    group.bench_function("BigRational", |b| {
        b.iter(|| fractions.chunks_exact(2).for_each(|pair| drop(black_box(&pair[0] + &pair[1]))));
    });
    group.bench_function("Exact", |b| {
        b.iter(|| exact.chunks_exact(2).for_each(|pair| drop(black_box(&pair[0] + &pair[1]))));
    });
    group.finish();
}

criterion_group!(benches, laws, marginals, additions);
criterion_main!(benches);
