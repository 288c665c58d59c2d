//! Pictures of one step of an algorithm, as SVG text.
//!
//! # Notation
//! Four kinds of picture: a graph on a circle ([`GraphPicture`]), a grid of cells ([`GridPicture`]), a binary tree over its
//! positions ([`TreePicture`]), a list of boxes ([`ListPicture`]). What an entry is doing is its [`State`]; each state has a
//! width and a dash of its own besides its colour, so that nothing is told by colour alone, and a legend explains those
//! that occur. The colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart.
//!
//! The functions only draw: they know nothing of models. The same input gives the same bytes; coordinates are written with
//! two decimals and computed with `libm`.
//!
//! # Example
//! ```
//! use recursive_gumbel::picture::{Edge, GraphPicture, State};
//! let edge = |from, to, state| Edge { from, to, label: "1/2".to_owned(), state };
//! let picture = GraphPicture {
//!     title: "Race 1".to_owned(),
//!     caption: vec!["Λ = 1".to_owned()],
//!     vertices: 3,
//!     root: None,
//!     directed: false,
//!     edges: vec![edge(0, 1, State::Winner), edge(1, 2, State::Racing)],
//!     groups: vec![vec![0, 1]],
//! };
//! assert!(picture.svg().starts_with("<svg"));
//! ```

use std::fmt::Write as _;

/// What an entry is doing in the step that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It wins this race.
    Winner,
    /// It takes part in this race.
    Racing,
    /// It won an earlier race.
    Chosen,
    /// It won an earlier race, and its arc was given up.
    Dropped,
    /// It is in play, but not in this race.
    Idle,
    /// It will race no more.
    Out,
    /// Its rate is 0.
    Absent,
}

/// Colour, width and dash of a line.
struct Style {
    colour: &'static str,
    width: f64,
    dash: &'static str,
}

impl State {
    /// In the legend.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Winner => "wins",
            Self::Racing => "races",
            Self::Chosen => "chosen",
            Self::Dropped => "given up",
            Self::Idle => "not in this race",
            Self::Out => "out",
            Self::Absent => "absent (rate 0)",
        }
    }

    fn style(self) -> Style {
        let (colour, width, dash) = match self {
            Self::Winner => ("#d55e00", 5.0, ""),
            Self::Racing => ("#0072b2", 2.0, ""),
            Self::Chosen => ("#111111", 3.5, ""),
            Self::Dropped => ("#111111", 2.5, "8 5"),
            Self::Idle => ("#8a8a8a", 1.5, ""),
            Self::Out => ("#c4c4c4", 1.0, ""),
            Self::Absent => ("#c4c4c4", 1.0, "1 4"),
        };
        Style { colour, width, dash }
    }

    /// Attributes of a stroked line.
    fn stroke(self) -> String {
        let Style { colour, width, dash } = self.style();
        let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        format!("stroke=\"{colour}\" stroke-width=\"{width:.2}\"{dash}")
    }

    /// The background of a box.
    fn fill(self) -> &'static str {
        match self {
            Self::Winner => "#fbe3d3",
            Self::Racing => "#dcecf7",
            Self::Chosen | Self::Dropped => "#e4e4e4",
            _ => "#ffffff",
        }
    }

    fn ink(self) -> &'static str {
        if matches!(self, Self::Out | Self::Absent) { "#9a9a9a" } else { "#111111" }
    }
}

/// A point of the picture.
type Point = (f64, f64);

const WIDTH: f64 = 640.0;
const FONT: &str = "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\"";

/// The body of an SVG document, growing downwards.
struct Canvas {
    body: String,
    /// How far down it is drawn.
    bottom: f64,
}

impl Canvas {
    /// Opens with a title and the lines under it.
    fn new(title: &str, caption: &[String]) -> Self {
        let mut canvas = Self { body: String::new(), bottom: 38.0 };
        canvas.text((WIDTH / 2.0, canvas.bottom), 20.0, "middle", "#111111", true, title);
        for line in caption {
            canvas.bottom += 24.0;
            let size = if line.chars().count() > 84 { 12.5 } else { 15.0 };
            canvas.text((WIDTH / 2.0, canvas.bottom), size, "middle", "#333333", false, line);
        }
        canvas.bottom += 16.0;
        canvas
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.body, "{element}"); // writing to a string cannot fail
    }

    fn text(&mut self, (x, y): Point, size: f64, anchor: &str, ink: &str, bold: bool, text: &str) {
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let text = escape(text);
        self.add(format_args!(
            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size:.1}\" text-anchor=\"{anchor}\" fill=\"{ink}\"{weight}>{text}</text>"
        ));
    }

    /// Text with a white halo, to stand on lines.
    fn label(&mut self, (x, y): Point, size: f64, ink: &str, bold: bool, text: &str) {
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let (y, text) = (y + size * 0.35, escape(text));
        self.add(format_args!(
            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size:.1}\" text-anchor=\"middle\" fill=\"{ink}\"{weight} \
             stroke=\"#ffffff\" stroke-width=\"5\" stroke-linejoin=\"round\" paint-order=\"stroke\">{text}</text>"
        ));
    }

    fn rectangle(&mut self, (x, y): Point, (width, height): Point, fill: &str, stroke: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" rx=\"4\" fill=\"{fill}\" {stroke}/>"
        ));
    }

    fn circle(&mut self, (x, y): Point, r: f64, fill: &str, stroke: &str) {
        self.add(format_args!("<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{r:.2}\" fill=\"{fill}\" {stroke}/>"));
    }

    fn line(&mut self, (x, y): Point, (u, v): Point, stroke: &str) {
        self.add(format_args!("<line x1=\"{x:.2}\" y1=\"{y:.2}\" x2=\"{u:.2}\" y2=\"{v:.2}\" {stroke}/>"));
    }

    /// The states that occur, explained in rows of five.
    fn legend(&mut self, states: impl Iterator<Item = State>) {
        let mut states: Vec<State> = states.collect();
        states.sort_unstable();
        states.dedup();
        for row in states.chunks(5) {
            self.bottom += 26.0;
            let width = |state: State| 58.0 + 6.6 * state.words().chars().count() as f64;
            let mut x = (WIDTH - row.iter().map(|&state| width(state)).sum::<f64>()) / 2.0 + 8.0;
            for state in row {
                let y = self.bottom - 5.0;
                self.line((x, y), (x + 30.0, y), &state.stroke());
                self.text((x + 37.0, self.bottom), 13.0, "start", "#333333", false, state.words());
                x += width(*state);
            }
        }
    }

    fn finish(self) -> String {
        let height = self.bottom + 22.0;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" \
             height=\"{height:.0}\" {FONT}>\n<rect width=\"{WIDTH:.0}\" height=\"{height:.0}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }
}

/// Text for SVG.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

// ---------------------------------------------------------------------------------------------------------------

/// An edge or arc of a [`GraphPicture`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// One end, the tail of an arc.
    pub from: usize,
    /// The other end, the head of an arc.
    pub to: usize,
    /// What stands on it: its rate.
    pub label: String,
    /// What it is doing.
    pub state: State,
}

/// A graph or digraph, its vertices on a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphPicture {
    /// The title.
    pub title: String,
    /// Lines under the title.
    pub caption: Vec<String>,
    /// The number of vertices.
    pub vertices: usize,
    /// A vertex drawn at the top with a double border.
    pub root: Option<usize>,
    /// Whether edges have heads.
    pub directed: bool,
    /// Edges whose ends are not vertices are left out.
    pub edges: Vec<Edge>,
    /// Sets of vertices drawn as soft hulls behind the graph, the larger ones first.
    pub groups: Vec<Vec<usize>>,
}

impl GraphPicture {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut canvas = Canvas::new(&self.title, &self.caption);
        let n = self.vertices;
        let vertex_radius = if n <= 12 { 18.0 } else { (200.0 / n as f64).max(4.0) };
        let circle = if n <= 1 { 30.0 } else { 170.0 };
        let margin = vertex_radius + 34.0;
        let centre = (WIDTH / 2.0, canvas.bottom + margin + circle);
        // The root first, at the top, the others clockwise.
        let first = self.root.filter(|&root| root < n).unwrap_or(0);
        let place = |vertex: usize| -> Point {
            if n <= 1 {
                return centre;
            }
            let turn = (vertex + n - first) % n;
            let angle = std::f64::consts::TAU * turn as f64 / n as f64;
            (centre.0 + circle * libm::sin(angle), centre.1 - circle * libm::cos(angle))
        };
        canvas.bottom = centre.1 + circle + margin - 12.0;
        self.groups(&mut canvas, &place, vertex_radius);
        let edges: Vec<&Edge> =
            self.edges.iter().filter(|edge| edge.from < n && edge.to < n && edge.from != edge.to).collect();
        let mut order = edges.clone();
        order.sort_by_key(|edge| std::cmp::Reverse(edge.state)); // what matters on top
        for edge in &order {
            self.edge(&mut canvas, edge, &place, vertex_radius);
        }
        if n <= 40 && edges.len() <= 80 {
            for edge in &order {
                let (from, bend, to) = self.curve(edge, &place);
                // Chords meet near the centre: their labels stand nearer to the tail.
                let t = if distance(from, to) > 1.2 * circle { 0.3 } else { 0.5 };
                let bold = edge.state == State::Winner;
                canvas.label(along(from, bend, to, t), 13.0, edge.state.ink(), bold, &edge.label);
            }
        }
        for vertex in 0..n {
            let at = place(vertex);
            if self.root == Some(vertex) {
                canvas.circle(at, vertex_radius + 4.0, "#ffffff", "stroke=\"#111111\" stroke-width=\"1.50\"");
            }
            canvas.circle(at, vertex_radius, "#ffffff", "stroke=\"#111111\" stroke-width=\"1.50\"");
            let size = (vertex_radius * 0.9).max(4.0);
            canvas.text((at.0, at.1 + size * 0.35), size, "middle", "#111111", false, &vertex.to_string());
        }
        canvas.legend(edges.iter().map(|edge| edge.state));
        canvas.finish()
    }

    fn groups(&self, canvas: &mut Canvas, place: &impl Fn(usize) -> Point, vertex_radius: f64) {
        let mut groups: Vec<&Vec<usize>> = self.groups.iter().filter(|group| group.len() > 1).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        for (i, group) in groups.iter().enumerate() {
            // How deep other groups are nested in this one: it is drawn that much wider.
            let inside = groups[i + 1..]
                .iter()
                .filter(|other| other.iter().all(|vertex| group.contains(vertex)))
                .count();
            let mut members: Vec<usize> =
                group.iter().copied().filter(|&vertex| vertex < self.vertices).collect();
            // In the order of the circle the polygon is convex.
            members.sort_unstable();
            let points: Vec<String> =
                members.iter().map(|&vertex| place(vertex)).map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
            let width = 2.0 * (vertex_radius + 9.0 + 8.0 * inside.min(4) as f64);
            canvas.add(format_args!(
                "<polygon points=\"{}\" fill=\"#009e73\" stroke=\"#009e73\" stroke-width=\"{width:.2}\" \
                 stroke-linejoin=\"round\" opacity=\"0.16\"/>",
                points.join(" ")
            ));
        }
    }

    /// Tail, bend and head of an edge: bent if there is an arc the other way.
    fn curve(&self, edge: &Edge, place: &impl Fn(usize) -> Point) -> (Point, Point, Point) {
        let (from, to) = (place(edge.from), place(edge.to));
        let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let back =
            self.directed && self.edges.iter().any(|other| (other.from, other.to) == (edge.to, edge.from));
        if !back {
            return (from, middle, to);
        }
        let length = distance(from, to).max(1.0);
        let bend = 26.0_f64.max(length * 0.13);
        let (across, along) = ((to.1 - from.1) / length, (to.0 - from.0) / length);
        (from, (middle.0 + across * bend, middle.1 - along * bend), to)
    }

    fn edge(&self, canvas: &mut Canvas, edge: &Edge, place: &impl Fn(usize) -> Point, vertex_radius: f64) {
        let (from, bend, to) = self.curve(edge, place);
        let Style { colour, width, .. } = edge.state.style();
        let mut end = to;
        if self.directed {
            // The head ends at the border of the vertex; the line ends in the head.
            let border = vertex_radius + if self.root == Some(edge.to) { 4.0 } else { 0.0 };
            let length = distance(bend, to).max(1.0);
            let back = ((bend.0 - to.0) / length, (bend.1 - to.1) / length);
            let (tall, wide) = (9.0 + width, 3.5 + width * 0.7);
            let tip = (to.0 + back.0 * border, to.1 + back.1 * border);
            end = (tip.0 + back.0 * tall * 0.8, tip.1 + back.1 * tall * 0.8);
            let foot = (tip.0 + back.0 * tall, tip.1 + back.1 * tall);
            let (left, right) = (
                (foot.0 - back.1 * wide, foot.1 + back.0 * wide),
                (foot.0 + back.1 * wide, foot.1 - back.0 * wide),
            );
            canvas.add(format_args!(
                "<polygon points=\"{:.2},{:.2} {:.2},{:.2} {:.2},{:.2}\" fill=\"{colour}\"/>",
                tip.0, tip.1, left.0, left.1, right.0, right.1
            ));
        }
        canvas.add(format_args!(
            "<path d=\"M {:.2} {:.2} Q {:.2} {:.2} {:.2} {:.2}\" fill=\"none\" {}/>",
            from.0,
            from.1,
            bend.0,
            bend.1,
            end.0,
            end.1,
            edge.state.stroke()
        ));
    }
}

fn distance(a: Point, b: Point) -> f64 {
    libm::hypot(a.0 - b.0, a.1 - b.1)
}

/// The point of a quadratic curve.
fn along(from: Point, bend: Point, to: Point, t: f64) -> Point {
    let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
    (a * from.0 + b * bend.0 + c * to.0, a * from.1 + b * bend.1 + c * to.1)
}

// ---------------------------------------------------------------------------------------------------------------

/// An n×n grid of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridPicture {
    /// The title.
    pub title: String,
    /// Lines under the title.
    pub caption: Vec<String>,
    /// Row by row: the rate and the state of each cell.
    pub cells: Vec<Vec<(String, State)>>,
}

impl GridPicture {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut canvas = Canvas::new(&self.title, &self.caption);
        let n = self.cells.len().max(1);
        let side = (440.0 / n as f64).min(72.0);
        let size = (side * 0.3).clamp(3.0, 17.0);
        let (left, top) = ((WIDTH - side * n as f64) / 2.0 + 12.0, canvas.bottom + 26.0);
        for line in 0..n {
            let middle = (line as f64 + 0.5) * side;
            let name = line.to_string();
            canvas.text((left + middle, top - 9.0), size, "middle", "#555555", false, &name);
            canvas.text((left - 14.0, top + middle + size * 0.35), size, "end", "#555555", false, &name);
        }
        let all = || {
            self.cells
                .iter()
                .enumerate()
                .flat_map(|(i, row)| row.iter().enumerate().map(move |(j, cell)| (i, j, cell)))
        };
        let mut order: Vec<_> = all().collect();
        order.sort_by_key(|(_, _, (_, state))| std::cmp::Reverse(*state));
        for (i, j, (label, state)) in order {
            let corner = (left + j as f64 * side, top + i as f64 * side);
            let gap = (side * 0.06).min(4.0);
            canvas.rectangle(
                (corner.0 + gap, corner.1 + gap),
                (side - 2.0 * gap, side - 2.0 * gap),
                state.fill(),
                &state.stroke(),
            );
            let middle = (corner.0 + side / 2.0, corner.1 + side / 2.0 + size * 0.35);
            canvas.text(middle, size, "middle", state.ink(), *state == State::Winner, label);
        }
        canvas.bottom = top + side * n as f64 + 8.0;
        canvas.legend(all().map(|(_, _, (_, state))| *state));
        canvas.finish()
    }
}

// ---------------------------------------------------------------------------------------------------------------

/// Where a position is in a [`TreePicture`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// Not yet in the tree.
    Not,
    /// The root of the tree.
    Root,
    /// Below this position.
    Under(usize),
}

/// A binary tree over the positions of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreePicture {
    /// The title.
    pub title: String,
    /// Lines under the title.
    pub caption: Vec<String>,
    /// The rate of each position.
    pub labels: Vec<String>,
    /// Where each position is.
    pub placed: Vec<Placed>,
    /// What each position is doing.
    pub states: Vec<State>,
}

impl TreePicture {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut canvas = Canvas::new(&self.title, &self.caption);
        let n = self.labels.len().min(self.placed.len()).min(self.states.len());
        let step = (540.0 / n.max(1) as f64).min(96.0);
        let radius = (step * 0.3).min(17.0);
        let left = (WIDTH - step * n as f64) / 2.0;
        let x = |position: usize| left + (position as f64 + 0.5) * step;
        let parent = |position: &usize| match self.placed[*position] {
            Placed::Under(above) if above < n => Some(above),
            _ => None,
        };
        // At most n steps up, whatever the input says.
        let depth = |position: usize| std::iter::successors(Some(position), parent).take(n).count() - 1;
        let in_tree = |position: &usize| self.placed[*position] != Placed::Not;
        let deepest = (0..n).filter(in_tree).map(depth).max().unwrap_or(0);
        let down = (300.0 / (deepest as f64 + 1.0)).min(64.0);
        let top = canvas.bottom + radius + 12.0;
        let at = |position: usize| (x(position), top + depth(position) as f64 * down);
        for position in (0..n).filter(in_tree) {
            if let Some(above) = parent(&position) {
                let stroke =
                    if self.states[position] == State::Winner { State::Winner } else { State::Chosen };
                canvas.line(at(above), at(position), &stroke.stroke());
            }
        }
        for position in (0..n).filter(in_tree) {
            let state = self.states[position];
            canvas.circle(at(position), radius, state.fill(), &state.stroke());
            let size = radius * 0.95;
            let (cx, cy) = at(position);
            canvas.text(
                (cx, cy + size * 0.35),
                size,
                "middle",
                "#111111",
                state == State::Winner,
                &position.to_string(),
            );
        }
        // The list below: position and rate.
        let y = top + (deepest as f64 + if (0..n).any(|p| in_tree(&p)) { 1.0 } else { 0.0 }) * down + 8.0;
        let size = (step * 0.24).clamp(3.0, 14.0);
        for position in 0..n {
            let state = self.states[position];
            let gap = (step * 0.06).min(4.0);
            canvas.rectangle(
                (x(position) - step / 2.0 + gap, y),
                (step - 2.0 * gap, 46.0),
                state.fill(),
                &state.stroke(),
            );
            canvas.text((x(position), y + 19.0), size, "middle", "#555555", false, &position.to_string());
            let bold = state == State::Winner;
            canvas.text((x(position), y + 37.0), size, "middle", state.ink(), bold, &self.labels[position]);
        }
        canvas.bottom = y + 56.0;
        canvas.legend(self.states.iter().take(n).copied());
        canvas.finish()
    }
}

// ---------------------------------------------------------------------------------------------------------------

/// An item of a [`ListPicture`].
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its rate, as text.
    pub label: String,
    /// Its rate: the height of its bar.
    pub rate: f64,
    /// What it is doing.
    pub state: State,
    /// Its place among the chosen, from 1.
    pub rank: Option<usize>,
}

/// A row of positions, with bars as high as their rates.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPicture {
    /// The title.
    pub title: String,
    /// Lines under the title.
    pub caption: Vec<String>,
    /// The positions.
    pub items: Vec<Item>,
}

impl ListPicture {
    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut canvas = Canvas::new(&self.title, &self.caption);
        let n = self.items.len().max(1);
        let step = (560.0 / n as f64).min(84.0);
        let left = (WIDTH - step * n as f64) / 2.0;
        let rates = || self.items.iter().map(|item| item.rate).filter(|rate| rate.is_finite() && *rate > 0.0);
        let (least, most) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
        let logarithmic = most > 100.0 * least;
        let height = |rate: f64| {
            if !(rate.is_finite() && rate > 0.0) {
                0.0
            } else if logarithmic {
                20.0 + 120.0 * (libm::log(rate) - libm::log(least)) / (libm::log(most) - libm::log(least))
            } else {
                140.0 * rate / most
            }
        };
        let base = canvas.bottom + 166.0;
        let size = (step * 0.26).clamp(3.0, 14.0);
        for (i, item) in self.items.iter().enumerate() {
            let (x, gap) = (left + i as f64 * step, (step * 0.1).min(7.0));
            let (middle, tall) = (x + step / 2.0, height(item.rate));
            let stroke = item.state.stroke();
            if tall > 0.0 {
                canvas.rectangle(
                    (x + gap, base - tall),
                    (step - 2.0 * gap, tall),
                    item.state.fill(),
                    &stroke,
                );
            } else {
                canvas.line((x + gap, base), (x + step - gap, base), &stroke);
            }
            let bold = item.state == State::Winner;
            canvas.text((middle, base - tall - 8.0), size, "middle", item.state.ink(), bold, &item.label);
            canvas.text((middle, base + 20.0), size, "middle", "#555555", false, &i.to_string());
            if let Some(rank) = item.rank {
                canvas.text((middle, base + 40.0), size, "middle", "#111111", true, &format!("#{rank}"));
            }
        }
        canvas.bottom = base + 50.0;
        if logarithmic {
            canvas.text(
                (WIDTH / 2.0, canvas.bottom),
                12.0,
                "middle",
                "#555555",
                false,
                "bars: logarithm of the rate",
            );
            canvas.bottom += 8.0;
        }
        canvas.legend(self.items.iter().map(|item| item.state));
        canvas.finish()
    }
}
