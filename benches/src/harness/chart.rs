//! Charts: one SVG file with a panel for each table, each contender named beside its line.

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::sweep::Kind;

/// How the points of a panel are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Lines,
    Bars,
}

/// What one contender has reached at each point.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Not a number where nothing was measured.
    pub(crate) values: Vec<f64>,
}

pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) points: Vec<String>,
    pub(crate) shape: Shape,
    pub(crate) lines: Vec<Line>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plot = Cartesian2d<RangedCoordf64, LogCoord<f64>>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Plot>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws the panels, two beside each other.
pub(crate) fn draw(path: &Path, title: &str, panels: &[Panel]) -> Drawn {
    let columns = panels.len().clamp(1, 2);
    let rows = panels.len().div_ceil(columns).max(1);
    let size = (
        columns as u32 * PANEL_WIDTH,
        rows as u32 * PANEL_HEIGHT + TITLE_HEIGHT,
    );
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(title, ("sans-serif", 20))?;
    for (area, panel) in root.split_evenly((rows, columns)).iter().zip(panels) {
        panel.draw(area)?;
    }
    root.present()?;
    Ok(())
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Drawn {
        let values = self.lines.iter().flat_map(|line| &line.values);
        let values = values.copied().filter(|value| *value > 0.0);
        let (low, high) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return Ok(()); // nothing was measured
        }
        let (plot, names) = area.split_horizontally(PANEL_WIDTH as i32 - NAMES_WIDTH);
        let mut chart = ChartBuilder::on(&plot)
            .caption(&self.title, ("sans-serif", 16))
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(
                -0.5..self.points.len() as f64 - 0.5,
                (low / 1.3..high * 1.3).log_scale(),
            )?;
        let name = |at: &f64| {
            let is_point = at.fract() == 0.0;
            let point = self.points.get(*at as usize).filter(|_| is_point);
            point.cloned().unwrap_or_default()
        };
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(BLACK.mix(0.12))
            .x_labels(2 * self.points.len() + 1)
            .x_label_formatter(&name)
            .y_label_formatter(&|value| plain(*value))
            .x_desc(self.x)
            .y_desc(format!("{} (log)", self.y))
            .draw()?;
        match self.shape {
            Shape::Lines => self.draw_lines(&mut chart)?,
            Shape::Bars => self.draw_bars(&mut chart, low / 1.3)?,
        }
        self.draw_names(&chart, &names)
    }

    fn draw_lines(&self, chart: &mut Chart<'_, '_>) -> Drawn {
        for (index, line) in self.lines.iter().enumerate() {
            let style = self.style(index);
            let points = line.values.iter().enumerate();
            let points = points.map(|(at, value)| (at as f64, *value));
            let points: Vec<_> = points.filter(|(_, value)| !value.is_nan()).collect();
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            let dots = points
                .iter()
                .map(|point| Circle::new(*point, 3, style.filled()));
            chart.draw_series(dots)?;
        }
        Ok(())
    }

    fn draw_bars(&self, chart: &mut Chart<'_, '_>, low: f64) -> Drawn {
        let width = 0.8 / self.lines.len() as f64;
        for (index, line) in self.lines.iter().enumerate() {
            let style = self.style(index).filled();
            let bars = line.values.iter().enumerate();
            let bars = bars
                .filter(|(_, value)| !value.is_nan())
                .map(|(at, value)| {
                    let left = at as f64 - 0.4 + index as f64 * width;
                    Rectangle::new([(left, low), (left + width * 0.9, *value)], style)
                });
            chart.draw_series(bars)?;
        }
        Ok(())
    }

    /// Writes each contender's name at the height where its line ends, or beside the others.
    fn draw_names(&self, chart: &Chart<'_, '_>, names: &Area<'_>) -> Drawn {
        let end = (self.points.len() - 1) as f64;
        let top = names.get_base_pixel().1;
        let mut heights: Vec<_> = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| {
                let last = line.values.iter().rev().find(|value| !value.is_nan())?;
                let height = match self.shape {
                    Shape::Lines => chart.backend_coord(&(end, *last)).1 - top,
                    Shape::Bars => 60,
                };
                Some((height, index))
            })
            .collect();
        heights.sort();
        spread(&mut heights, PANEL_HEIGHT as i32 - 60);
        for (height, index) in heights {
            let style = self.style(index);
            let font = ("sans-serif", 13).into_font().color(&style.color);
            let font = font.pos(Pos::new(HPos::Left, VPos::Center));
            names.draw(&Text::new(
                self.lines[index].name.clone(),
                (4, height),
                font,
            ))?;
        }
        Ok(())
    }

    /// Colours by kind, a shade for each; ours are thick.
    fn style(&self, index: usize) -> ShapeStyle {
        let kind = self.lines[index].kind;
        let before = self.lines[..index].iter();
        let nth = before.filter(|line| line.kind == kind).count();
        let shades: &[RGBColor] = match kind {
            Kind::Ours => &[
                RGBColor(200, 20, 30),
                RGBColor(250, 110, 60),
                RGBColor(160, 0, 110),
            ],
            Kind::Lock => &[
                RGBColor(0, 90, 170),
                RGBColor(0, 150, 200),
                RGBColor(70, 90, 220),
                RGBColor(0, 130, 130),
                RGBColor(120, 150, 230),
                RGBColor(120, 70, 160),
                RGBColor(100, 100, 120),
            ],
            Kind::Messages => &[
                RGBColor(30, 120, 40),
                RGBColor(130, 160, 0),
                RGBColor(90, 190, 110),
                RGBColor(170, 130, 20),
            ],
            Kind::Limit => &[RGBColor(60, 60, 60), RGBColor(150, 150, 150)],
        };
        let width = if kind == Kind::Ours { 3 } else { 1 };
        ShapeStyle::from(&shades[nth % shades.len()]).stroke_width(width)
    }
}

/// Moves heights, which are in order, apart so that text at them can be read, and above `bottom`.
fn spread(heights: &mut [(i32, usize)], bottom: i32) {
    let mut next = i32::MIN;
    for (height, _) in heights.iter_mut() {
        *height = (*height).max(next);
        next = *height + LINE_HEIGHT;
    }
    let mut next = bottom;
    for (height, _) in heights.iter_mut().rev() {
        *height = (*height).min(next);
        next = *height - LINE_HEIGHT;
    }
}

/// As few digits as say it.
fn plain(value: f64) -> String {
    if value >= 1000.0 {
        format!("{:.0} 000", value / 1000.0)
    } else {
        format!("{}", (value * 1e4).round() / 1e4)
    }
}

const PANEL_WIDTH: u32 = 760;
const PANEL_HEIGHT: u32 = 400;
const NAMES_WIDTH: i32 = 190;
const TITLE_HEIGHT: u32 = 40;
const LINE_HEIGHT: i32 = 15;

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn names_are_moved_apart_and_stay_within() {
        let mut heights = [(10, 0), (12, 1), (95, 2), (99, 3)];
        spread(&mut heights, 100);
        assert_eq!(heights, [(10, 0), (25, 1), (85, 2), (100, 3)]);
    }
}
