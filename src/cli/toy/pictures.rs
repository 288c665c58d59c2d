//! What an experiment looks like: the loss, the deviation of the gradient, and the laws at the end.
//!
//! Each picture is drawn twice by the same code, as SVG and as PNG. The colours are those of Okabe and Ito (2008), which people with any
//! colour vision can tell apart; estimators without a baseline are dashed besides.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Once;

use gumbel_oracle::structure::Structure;
use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::FontStyle;
use recursive_gumbel::experiment::{Estimator, Look, Problem};
use recursive_gumbel::fast::{at_rates, rates_of_logits};
use recursive_gumbel::sample::{Batch, Field};

use super::super::Failure;
use super::super::table::float;
use super::folder::{Experiment, Folder, Run};

/// A picture of lines, in pixels.
const SIZE: (u32, u32) = (960, 600);

/// Draws from which a law is drawn.
const DRAWS: usize = 1000;

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Something that can be drawn on anything.
trait Picture {
    fn size(&self) -> (u32, u32);
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B>;
}

/// Draws everything into the folder.
pub(super) fn draw(
    folder: &Folder,
    experiment: &Experiment,
    problem: &Problem,
    runs: &[Run],
) -> Result<(), Failure> {
    static FONT: Once = Once::new();
    let mut known = true;
    FONT.call_once(|| {
        let font = dejavu::sans::regular();
        known = plotters::style::register_font("sans-serif", FontStyle::Normal, font).is_ok();
    });
    if !known {
        return Err(Failure::input("the font of the pictures cannot be read"));
    }
    let title = format!("{}, dim {}, loss {}", experiment.structure, experiment.dim, experiment.loss);
    let exact = runs.iter().flat_map(|run| &run.looks).all(|look| look.exact_loss.is_some());
    let loss = Lines {
        title: format!(
            "{title}: {} loss",
            if exact { "exact expected" } else { "mean of 1,000 draws of the" }
        ),
        axis: "loss",
        curves: curves(runs, |look| if exact { look.exact_loss } else { Some(look.loss_of_1000) }),
        steps: experiment.iters,
        logarithmic: false,
    };
    let deviation = Lines {
        title: format!("{title}: standard deviation of the gradient"),
        axis: "√Σ Var",
        curves: curves(runs, |look| Some(look.deviation).filter(|deviation| *deviation > 0.0)),
        steps: experiment.iters,
        logarithmic: true,
    };
    save(folder, "loss", &loss)?;
    save(folder, "deviation", &deviation)?;
    let mut laws = Vec::new();
    for run in runs.iter().filter(|run| run.seed == experiment.seeds[0]) {
        laws.push((run.estimator, marginals(problem, run)?));
    }
    save(folder, "law", &Laws { title: format!("{title}: probabilities after training"), laws })
}

/// As SVG and as PNG.
fn save(folder: &Folder, name: &str, picture: &impl Picture) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::input(format!("the picture {name}: {error}"));
    let (width, height) = picture.size();
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        picture.draw(&area).map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    folder.write(&format!("{name}.svg"), &svg)?;
    let mut pixels = vec![0; (width * height * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        picture.draw(&area).map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    folder.write_with(&format!("{name}.png"), |out| {
        let mut encoder = png::Encoder::new(out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(io::Error::other)?;
        writer.write_image_data(&pixels).map_err(io::Error::other)?;
        writer.finish().map_err(io::Error::other)
    })
}

fn colour(estimator: Estimator) -> RGBColor {
    match estimator {
        Estimator::EReinforce => RGBColor(213, 94, 0),
        Estimator::EReinforcePlus => RGBColor(230, 159, 0),
        Estimator::TReinforce => RGBColor(0, 114, 178),
        Estimator::TReinforcePlus => RGBColor(86, 180, 233),
        Estimator::Relax => RGBColor(0, 158, 115),
        Estimator::Exact => BLACK,
    }
}

/// One number of each look: of each step the mean over the seeds, the least and the largest.
struct Curve {
    estimator: Estimator,
    points: Vec<(f64, [f64; 3])>,
}

fn curves(runs: &[Run], value: impl Fn(&Look) -> Option<f64>) -> Vec<Curve> {
    let of = |estimator: Estimator| {
        let runs: Vec<&Run> = runs.iter().filter(|run| run.estimator == estimator).collect();
        let steps = runs.iter().map(|run| run.looks.len()).max().unwrap_or(0);
        let points = (0..steps).filter_map(|number| {
            let looks = || runs.iter().filter_map(|run| run.looks.get(number));
            let values: Vec<f64> = looks().filter_map(&value).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let step = looks().next()?.step as f64;
            (!values.is_empty()).then_some((step, [mean, least, most]))
        });
        Curve { estimator, points: points.collect() }
    };
    Estimator::ALL.into_iter().map(of).filter(|curve| !curve.points.is_empty()).collect()
}

/// Curves over the steps.
struct Lines {
    title: String,
    axis: &'static str,
    curves: Vec<Curve>,
    steps: u64,
    logarithmic: bool,
}

impl Lines {
    /// What the vertical axis must hold, with some air.
    fn range(&self) -> Range<f64> {
        let all = || self.curves.iter().flat_map(|curve| curve.points.iter().flat_map(|(_, values)| *values));
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        match self.logarithmic {
            _ if least > most => 0.1..1.0,
            // Five decades: below them nothing matters any more.
            true => (least / 1.5).max(most * 1e-5)..most * 1.5,
            false => {
                let air = if most > least { (most - least) * 0.05 } else { 0.5 };
                least - air..most + air
            }
        }
    }

    fn series<'a, B: DrawingBackend + 'a, Y: plotters::coord::ranged1d::Ranged<ValueType = f64>>(
        &self,
        chart: &mut ChartContext<'a, B, Cartesian2d<RangedCoordf64, Y>>,
    ) -> Drawn<B> {
        for Curve { estimator, points } in &self.curves {
            let colour = colour(*estimator);
            let upper = points.iter().map(|&(step, [_, _, most])| (step, most));
            let lower = points.iter().rev().map(|&(step, [_, least, _])| (step, least));
            let band: Vec<(f64, f64)> = upper.chain(lower).collect();
            chart.draw_series(std::iter::once(Polygon::new(band, colour.mix(0.15))))?;
        }
        for Curve { estimator, points } in &self.curves {
            let style = colour(*estimator).stroke_width(2);
            let means = points.iter().map(|&(step, [mean, ..])| (step, mean));
            let dashed = matches!(estimator, Estimator::EReinforce | Estimator::TReinforce);
            let drawn = match dashed {
                true => chart.draw_series(DashedLineSeries::new(means, 8, 5, style))?,
                false => chart.draw_series(LineSeries::new(means, style))?,
            };
            let drawn = drawn.label(estimator.label());
            let line = |(x, y)| vec![(x, y), (x + 22, y)];
            match dashed {
                true => drawn.legend(move |at| DashedPathElement::new(line(at), 8, 5, style)),
                false => drawn.legend(move |at| PathElement::new(line(at), style)),
            };
        }
        // What is learnt falls: from the left above to the right below, but for deviations that grow.
        let free = match self.logarithmic {
            true => SeriesLabelPosition::LowerLeft,
            false => SeriesLabelPosition::UpperRight,
        };
        chart
            .configure_series_labels()
            .position(free)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 15))
            .draw()
    }
}

impl Picture for Lines {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        area.fill(&WHITE)?;
        let mut builder = ChartBuilder::on(area);
        builder
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .margin_right(30)
            .x_label_area_size(44)
            .y_label_area_size(64);
        let plain = |value: &f64| format!("{value}");
        let steps = 0.0..self.steps as f64;
        if self.logarithmic {
            let mut chart = builder.build_cartesian_2d(steps, self.range().log_scale())?;
            let mut mesh = chart.configure_mesh();
            mesh.light_line_style(WHITE).x_desc("step").y_desc(self.axis).label_style(("sans-serif", 14));
            mesh.x_label_formatter(&plain).y_label_formatter(&|value| float(*value, 3)).draw()?;
            return self.series(&mut chart);
        }
        let mut chart = builder.build_cartesian_2d(steps, self.range())?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(WHITE)
            .x_desc("step")
            .y_desc(self.axis)
            .label_style(("sans-serif", 14))
            .x_label_formatter(&plain)
            .draw()?;
        self.series(&mut chart)
    }
}

/// Rows and columns, and a probability for each cell.
struct Marginals {
    rows: usize,
    columns: usize,
    cells: Vec<f64>,
}

/// The most cells side by side; of more, each shows the largest of a square of them.
const SIDE: usize = 50;

impl Marginals {
    /// What is drawn: the first row and column of a square, its side, and its largest probability. White is not drawn.
    fn squares(&self) -> Vec<(usize, usize, usize, f64)> {
        let side = self.columns.div_ceil(SIDE);
        let mut largest = BTreeMap::new();
        for (place, &p) in self.cells.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let (row, column) = (place / self.columns / side * side, place % self.columns / side * side);
            let square: &mut f64 = largest.entry((row, column)).or_insert(0.0);
            *square = square.max(p);
        }
        largest.into_iter().map(|((row, column), p)| (row, column, side, p)).collect()
    }
}

/// How often each part is there, by draws at the logits of the end.
///
/// Of graphs the cell (u, v) is an edge or arc, of matchings a cell; of binary trees row `i` is whose parent column `j` is, the diagonal who is
/// the root; of permutations row `i` is who comes `i`-th; of other lists there is one row.
fn marginals(problem: &Problem, run: &Run) -> Result<Marginals, Failure> {
    let (model, rates) = (problem.model(), rates_of_logits(&run.progress.logits));
    let sampler = at_rates(model, &rates, run.seed).map_err(Failure::input)?;
    let mut batch = Batch::new(rates.len(), &[Field::Structure]);
    sampler.fill(0, DRAWS, &mut batch);
    let (n, pairs) = (model.size(), model.pairs());
    let list = matches!(model.kind().name(), "top_k" | "categorical");
    let rows = if list { 1 } else { n };
    let mut cells = vec![0.0; rows * n];
    let symmetric = model.kind().name() == "spanning_tree";
    let mut add = |row: usize, column: usize| cells[row * n + column] += 1.0 / DRAWS as f64;
    for structure in (0..batch.len()).filter_map(|draw| batch.structure(draw)) {
        match structure {
            Structure::Entries(entries) => {
                for &k in entries.iter() {
                    let Some(&(u, v)) = pairs.get(k) else {
                        add(0, k);
                        continue;
                    };
                    add(u, v);
                    if symmetric {
                        add(v, u);
                    }
                }
            }
            Structure::Parents(parents) => {
                parents.0.iter().enumerate().for_each(|(i, parent)| add(i, parent.unwrap_or(i)));
            }
            Structure::Order(order) => order.iter().enumerate().for_each(|(place, &k)| add(place, k)),
        }
    }
    Ok(Marginals { rows, columns: n, cells })
}

/// A square of cells for each estimator.
struct Laws {
    title: String,
    laws: Vec<(Estimator, Marginals)>,
}

impl Picture for Laws {
    fn size(&self) -> (u32, u32) {
        let rows = self.laws.len().div_ceil(3) as u32;
        let flat = self.laws.iter().all(|(_, marginals)| marginals.rows == 1);
        (SIZE.0, 60 + rows * if flat { 100 } else { 330 })
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        area.fill(&WHITE)?;
        let area = area.margin(10, 0, 0, 0).titled(&self.title, ("sans-serif", 20))?;
        let parts = area.split_evenly((self.laws.len().div_ceil(3), 3));
        for ((estimator, marginals), part) in self.laws.iter().zip(parts) {
            let Marginals { rows, columns, .. } = marginals;
            let mut builder = ChartBuilder::on(&part);
            builder.caption(estimator.label(), ("sans-serif", 16)).margin(10);
            builder.x_label_area_size(22).y_label_area_size(if *rows > 1 { 24 } else { 10 });
            let mut chart = builder.build_cartesian_2d(0.0..*columns as f64, *rows as f64..0.0)?;
            let mut mesh = chart.configure_mesh();
            let middle = |value: &f64| format!("{value}");
            mesh.label_style(("sans-serif", 12));
            mesh.disable_mesh().x_label_formatter(&middle).y_label_formatter(&middle);
            mesh.x_labels(columns.min(&6) + 1).y_labels(if *rows > 1 { 6 } else { 0 }).draw()?;
            let rectangle = |(row, column, side, p): (usize, usize, usize, f64)| {
                // From white to the blue of the palette.
                let shade = |to: u8| (255.0 - (255.0 - f64::from(to)) * p) as u8;
                let colour = RGBColor(shade(0), shade(80), shade(140));
                let ends = [(column + side).min(*columns), (row + side).min(*rows)].map(|end| end as f64);
                Rectangle::new([(column as f64, row as f64), (ends[0], ends[1])], colour.filled())
            };
            chart.draw_series(marginals.squares().into_iter().map(rectangle))?;
            let frame = Rectangle::new([(0.0, 0.0), (*columns as f64, *rows as f64)], BLACK.mix(0.4));
            chart.draw_series(std::iter::once(frame))?;
        }
        Ok(())
    }
}
