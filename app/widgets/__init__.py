"""The window's building blocks. They know neither `core` nor any page: plain values in.

Import from the module, not from here, so that a page loads only what it shows:

    text         Text(text, role, wrap=, selectable=)   roles: body muted caption strong
                 heading title error figure; always plain text. ElidedLabel(text, role).
                 plain_tip(text) for tooltips. break_long_runs(text).
    layout       row(*items, spacing=), column(*items), STRETCH, boxed(layout),
                 divider(), clear(layout), grow(widget), FlowLayout(spacing=).
    page         Page (base class: override open_with(argument), shut_down());
                 PageHeader(title, subtitle, actions=), PageBody(*items) — scrolled,
                 .column / .add(item); EmptyState(icon=, title=, text=, actions=).
    card         Card(title, subtitle=) with .body, .header, .add(widget);
                 ChoiceCard(name=) with .body, .set_chosen(bool), signal picked.
    buttons      PrimaryButton, SecondaryButton, GhostButton, DangerButton:
                 (text, tip=, icon=None), .set_tip; IconButton(icon, name=, tip=).
    badge        Badge(text, tone, tip=), .show_text(text, tone). Tones: neutral accent
                 good warn bad. paint_shape(painter, shape, box, colour).
    notice       Notice(closable=) .show_notice(tone, title, text, actions=(Action(…),)),
                 .clear(). Action(text=, run=, tip=).
    toast        ToastHost(window).show(text, action="Undo", run=…).
    stepper      Stepper(titles): signal requested(index); set_current, set_state(index,
                 "todo" | "done" | "problem", why=).
    summary      SummaryCard(title).show_lines((SummaryLine(label=, value=, detail=,
                 badge=, tone=, key=), …)), .foot for buttons; signal requested(key).
    fields       SearchField(placeholder): searched(text). Choice(options, name=) drop
                 down: picked(key). Segmented(options, name=): picked(key).
                 LabeledSlider(name, stops=, default=, unit=, tip=): edited(value).
                 NumberField(name=, least=, most=, unit=).
    picker       Picker(name=, tip=).set_options(((key, words), …)), .show_choice(key):
                 a drop-down one can type into; picked(key), typed(text).
    drop_zone    DropZone(text=, hint=, actions=): dropped(tuple of Path).
    progress     ThinBar().show_fraction(0..1 | None);
                 ProgressRow(what).show_progress(what, fraction=, detail=, pause=);
                 cancelled(), pause_pressed().
    meter        Meter().show_value(name, words, fraction=): how full something is.
    tables       KeyValueTable(columns=).show_rows(((name, value[, tip]), …));
                 SideBySide().show_texts(((heading, text), …)).
    memory_bar   MemoryBar().show_rows((MemoryRow(label=, parts=(MemoryPart(name=,
                 size_bytes=, tip=, series=), …), low_bytes=, high_bytes=, verdict=, tone=,
                 chosen=), …), free_bytes=).
    part_table   PartTable().show_lines((PartLine(name=, size=, share=, what=, tip=,
                 series=), …)): a whole and its parts, with chips of the bar's colours.
    picture      save_png(widget, path, lines), ask_where(parent, name, chosen).
    grid_values  GridCell, GridRow, HeatCell: what tables and maps of verdicts show.
    heat_map     HeatMap(name=).show_grid(heat_paint.HeatGrid(rows=, columns=, cells={at:
                 HeatCell(text=, tone=, said=, fits=)}, chosen=)): picked(row, column).
    fit_grid     FitGrid(name=, lines=).show_rows(columns, (GridRow(key=, name=,
                 detail=, cells=(GridCell(text=, tone=, tip=), …)), …)): virtual;
                 picked(key, column), seen(first, last).
    figure_table FigureTable(columns, name=).show_rows(((Figure(text=, tip=, tone=,
                 series=, is_number=), …), …)): a dozen rows that are read.
    line_chart   LineChart(ChartText(title=, x_label=, y_label=, empty=)).show_series(
                 (Series(name=, x=, y=, look="line"|"faint"|"points"|"dashed",
                 colour=0..7), …), levels=(Level(name=, y=),)); set_log(bool);
                 painted by plot.Plot (reading under the mouse, zoom, keys).
    sparkline    Sparkline().show_values(values), paint_sparkline(painter, box, values);
                 Histogram(name=).show_counts(counts, edges=, cut=, cut_label=).
    document     SafeText(text, name=, monospace=, framed=) for foreign text;
                 MarkdownView(text, name=) for answers; both .show_text(text).
    log_tail     LogTail().append_text(text), .show_text(text).
    expander     Expander(title) with .body.

A page's module ``app/<place>/page.py`` has ``build(services: Services) -> Page``; see
`app.services` for what `Services` holds and `app.compose` for the table of pages.

Icons are named after the files in ``resources/icons``; colours and sizes come from
`app.theme` (`theme.current()` while painting). Only `app.theme.style` sets style
sheets: ask for a role or kind there instead.
"""
