//! The pictures: well-formed, complete, deterministic, and right at the edges of their inputs.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use recursive_gumbel::explain::Explanation;
use recursive_gumbel::picture::{
    Edge, GraphPicture, GridPicture, Item, ListPicture, Placed, State, TreePicture,
};

const STATES: [State; 7] =
    [State::Winner, State::Racing, State::Chosen, State::Dropped, State::Idle, State::Out, State::Absent];

/// Panics unless the text is well-formed: tags balanced, attributes quoted, nothing unescaped, every number finite.
fn check(svg: &str) {
    let mut open = Vec::new();
    let mut rest = svg.trim();
    while !rest.is_empty() {
        let Some(inside) = rest.strip_prefix('<') else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            assert!(!text.contains('>'), "unescaped: {text}");
            for part in text.split('&').skip(1) {
                assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|name| part.starts_with(name)), "{text}");
            }
            rest = after;
            continue;
        };
        let end = inside.find('>').expect("a tag ends");
        let (tag, after) = (&inside[..end], &inside[end + 1..]);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        for (i, value) in tag.split('"').enumerate() {
            if i % 2 == 0 {
                let word = value.trim().trim_end_matches('/').trim();
                assert!(word.is_empty() || word.ends_with('='), "{tag}");
            } else {
                assert!(!value.contains("NaN") && !value.contains("inf") && !value.contains('<'), "{tag}");
            }
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn graph(vertices: usize, directed: bool) -> GraphPicture {
    let pairs =
        (0..vertices).flat_map(|u| (0..vertices).map(move |v| (u, v))).filter(|&(u, v)| directed || u < v);
    let edge = |(i, (from, to)): (usize, (usize, usize))| Edge {
        from,
        to,
        label: format!("{i}/7"),
        state: STATES[i % STATES.len()],
    };
    GraphPicture {
        title: "A <&> \"B\"".to_owned(),
        caption: vec!["Λ = 21/4".to_owned()],
        vertices,
        root: directed.then_some(vertices / 2),
        directed,
        edges: pairs.enumerate().map(edge).collect(),
        groups: vec![(0..vertices / 2).collect(), (0..vertices.min(2)).collect(), vec![0]],
    }
}

#[test]
fn graphs_of_any_size_are_well_formed_and_show_every_vertex() {
    for n in [0, 1, 2, 3, 5, 12, 13, 40, 100] {
        for directed in [false, true] {
            let svg = graph(n, directed).svg();
            check(&svg);
            for vertex in 0..n {
                assert!(svg.contains(&format!(">{vertex}</text>")));
            }
        }
    }
}

#[test]
fn every_label_occurs_and_text_is_escaped() {
    let picture = graph(5, true);
    let svg = picture.svg();
    for edge in picture.edges.iter().filter(|edge| edge.from != edge.to) {
        assert!(svg.contains(&format!(">{}</text>", edge.label)));
    }
    assert!(svg.contains("A &lt;&amp;&gt; &quot;B&quot;"));
    assert_eq!(svg, picture.svg());
}

#[test]
fn a_vertex_that_there_is_not_is_left_out() {
    let mut picture = graph(3, false);
    picture.edges.push(Edge { from: 0, to: 9, label: "lost".to_owned(), state: State::Winner });
    picture.groups.push(vec![1, 9]);
    picture.root = Some(17);
    let svg = picture.svg();
    check(&svg);
    assert!(!svg.contains("lost"));
}

#[test]
fn each_state_has_a_line_of_its_own_without_its_colour() {
    let line = |state: State| {
        let edges = vec![Edge { from: 0, to: 1, label: String::new(), state }];
        let (title, caption, groups) = (String::new(), vec![], vec![]);
        let svg =
            GraphPicture { title, caption, vertices: 2, root: None, directed: false, edges, groups }.svg();
        let path = svg.lines().find(|line| line.starts_with("<path")).unwrap().to_owned();
        path[path.find("stroke-width").unwrap()..].to_owned()
    };
    let mut lines: Vec<String> = STATES.map(line).to_vec();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), STATES.len());
}

#[test]
fn grids_trees_and_lists_are_well_formed_at_any_size() {
    for n in [0, 1, 2, 5, 40, 100] {
        let (title, caption) = ("<T>".to_owned(), vec!["&".to_owned()]);
        let state = |i: usize| STATES[i % STATES.len()];
        let cells = (0..n).map(|i| (0..n).map(|j| (format!("{i}/{j}"), state(i + j))).collect()).collect();
        let grid = GridPicture { title: title.clone(), caption: caption.clone(), cells }.svg();
        check(&grid);
        let placed = (0..n).map(|i| if i == 0 { Placed::Root } else { Placed::Under(i - 1) }).collect();
        let labels: Vec<String> = (0..n).map(|i| format!("{i}/9")).collect();
        let (states, caption) = ((0..n).map(state).collect(), caption.clone());
        let tree = TreePicture {
            title: title.clone(),
            caption: caption.clone(),
            labels: labels.clone(),
            placed,
            states,
        };
        check(&tree.svg());
        assert!(labels.iter().all(|label| tree.svg().contains(label.as_str())));
        let rates = [1.0, 0.0, 1e-30, 1e40, f64::INFINITY];
        let item = |i: usize| Item {
            label: i.to_string(),
            rate: rates[i % 5],
            state: state(i),
            rank: i.is_multiple_of(2).then_some(i),
        };
        check(&ListPicture { title, caption, items: (0..n).map(item).collect() }.svg());
    }
}

#[test]
fn a_tree_whose_parents_go_round_in_a_circle_is_drawn_all_the_same() {
    let picture = TreePicture {
        title: String::new(),
        caption: vec![],
        labels: vec!["1".to_owned(), "2".to_owned()],
        placed: vec![Placed::Under(1), Placed::Under(0)],
        states: vec![State::Chosen; 2],
    };
    check(&picture.svg());
}

#[test]
fn every_example_model_has_a_picture_per_race_and_one_of_the_result() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models")).unwrap() {
        let path = file.unwrap().path();
        let model = Model::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let trace = model.traces().last().unwrap().trace;
        let told = Explanation::new(&model, &trace, None, Limit::default()).unwrap();
        let pictures = told.pictures(&model);
        assert_eq!(pictures.len(), trace.races().len() + 1, "{path:?}");
        assert_eq!(pictures[0].0, "step-01.svg");
        for (name, svg) in &pictures {
            check(svg);
            let winners =
                svg.matches("stroke-width=\"5.00\" ").count() + svg.matches("stroke-width=\"5.00\"/").count();
            assert_eq!(winners > 0, name != "result.svg", "{path:?} {name}");
        }
    }
}
